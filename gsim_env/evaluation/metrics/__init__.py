"""Metrics over calls that need no judge: diversity, fidelity, agreement, and the features they read."""
