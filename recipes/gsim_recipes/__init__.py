"""Recipes: trainings and experiments, one folder with a README each.

``python -m gsim_recipes.train`` launches the recipes of verl, whose configurations are in
``configs``.
"""
