"""Text: words to a file in UTF-8, and among what is known of it, so that a job shows them as it is."""

from __future__ import annotations

from core.jobs import GenerationRequest
from worker.contract import Inputs
from worker.outputs import Encoded


def encode(result: str, request: GenerationRequest, seed: int, inputs: Inputs) -> Encoded:
    """The file of `result`, with a line's end."""
    return Encoded(f"{result}\n".encode(), {"text": result})
