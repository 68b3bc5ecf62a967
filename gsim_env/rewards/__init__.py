"""Reward functions for customer and salesperson models: pure functions over batches."""
