"""Reward functions for customers and salespeople: pure functions over batches, without verl.

``reward_fns`` holds each one in the form that verl calls.
"""
