"""The conversation (Algorithm 1), the Managers that steer it, and the drivers that run it."""
