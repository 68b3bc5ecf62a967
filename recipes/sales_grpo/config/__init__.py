"""Configurations of the recipe: hydra reads them as ``pkg://recipes.sales_grpo.config``."""
