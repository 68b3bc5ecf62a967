"""Metrics over calls that need no judge, and the features they are computed from."""
