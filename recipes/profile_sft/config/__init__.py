"""Configurations of the recipe: hydra reads them as ``pkg://recipes.profile_sft.config``."""
