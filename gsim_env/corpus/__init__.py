"""From recorded calls to what the simulator and its trainers read."""
