"""Plain PPO on a CPU: a salesperson who picks lines of the script learns to close calls."""
