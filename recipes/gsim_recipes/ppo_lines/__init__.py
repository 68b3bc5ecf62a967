"""PPO for a salesperson that picks lines of the group's script, on a CPU."""
