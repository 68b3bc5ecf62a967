"""Choice of the multi-level reward's weights, delta and floor, and what the rewards measure."""
