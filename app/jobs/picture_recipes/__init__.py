"""Recipes that pictures carry, ours and those of AUTOMATIC1111 and ComfyUI, as fields of a generation request."""

from app.jobs.picture_recipes.found import Found, Origin
from app.jobs.picture_recipes.reading import found_in
from app.jobs.picture_recipes.requests import ReadRecipe, recipe_of

__all__ = ["Found", "Origin", "ReadRecipe", "found_in", "recipe_of"]
