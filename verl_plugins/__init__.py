"""verl plugins: agent loops, datasets, a replay buffer with metrics, and CPU support."""
