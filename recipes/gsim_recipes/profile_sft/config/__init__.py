"""Configurations of the recipe: hydra reads them as ``pkg://gsim_recipes.profile_sft.config``."""
