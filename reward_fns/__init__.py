"""Reward functions for verl.

Each module's ``compute_score`` adapts a function of :mod:`gsim_env.rewards`.
"""
