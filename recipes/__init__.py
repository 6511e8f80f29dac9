"""Recipes, one page each: run `python -m recipes.NAME` in the root of the repository."""
