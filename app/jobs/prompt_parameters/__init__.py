"""Midjourney's way to write a prompt: pictures first, then words with weights, then parameters; braces for several."""

from app.jobs.prompt_parameters.reading import MOST_JOBS, Reading, readings_of
from app.jobs.prompt_parameters.requests import Variant, only, variants_of

__all__ = ["MOST_JOBS", "Reading", "Variant", "only", "readings_of", "variants_of"]
