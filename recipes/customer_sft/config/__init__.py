"""Configurations of the recipe: hydra reads them as ``pkg://recipes.customer_sft.config``."""
