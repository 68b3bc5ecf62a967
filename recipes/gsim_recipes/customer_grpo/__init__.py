"""Group-aligned GRPO of the customer (section 3.2.2 of the paper)."""
