"""Configurations of the recipe: hydra reads them as ``pkg://gsim_recipes.customer_sft.config``."""
