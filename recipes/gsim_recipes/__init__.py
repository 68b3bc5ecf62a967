"""Recipes: one folder each, with a README, to be run from a clone of the repository."""
