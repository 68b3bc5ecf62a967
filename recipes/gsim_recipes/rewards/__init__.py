"""Chooses the weights, delta and floor of the multi-level reward by an experiment, and shows what the rewards measure."""
