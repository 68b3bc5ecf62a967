"""Configurations of the recipe: hydra reads them as ``pkg://gsim_recipes.sales_grpo.config``."""
