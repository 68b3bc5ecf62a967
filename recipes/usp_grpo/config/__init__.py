"""Configurations of the recipe: hydra reads them as ``pkg://recipes.usp_grpo.config``."""
