"""Group-aligned reinforcement learning of the customer (section 3.2.2)."""
