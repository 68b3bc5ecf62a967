"""Rollouts for a custom training loop."""
