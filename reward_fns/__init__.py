"""Reward functions for verl: one module per reward, each with a ``compute_score``.

The rewards themselves are batched functions in :mod:`gsim_env.rewards`.
"""
