"""Configurations of the recipe: hydra reads them as ``pkg://gsim_recipes.usp_grpo.config``."""
