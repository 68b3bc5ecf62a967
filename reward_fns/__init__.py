"""Reward functions: pure, batched, without verl. Each also comes in the form that verl calls (`compute_score`)."""
