"""Reward functions for verl: one module per reward, each with verl's ``compute_score``.

The rewards themselves are batched functions in :mod:`gsim_env.rewards`.
"""
