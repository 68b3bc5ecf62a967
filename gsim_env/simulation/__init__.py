"""The conversation (Algorithm 1), its Managers, and the drivers that run it."""
