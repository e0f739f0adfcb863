"""Reads the pictures that a job starts from out of the result store."""

from __future__ import annotations

import io
from typing import Final

from PIL import Image

from core.errors import JobFailure
from core.jobs import GenerationRequest
from core.media import IMAGE, Input
from core.results import ResultStore
from core.tasks import task_named
from worker.contract import Inputs
from worker.pictures import fitted

READABLE: Final = {each.media_type: each.name.upper() for each in IMAGE.formats}
"""Pillow's names of the formats that are read, by media type."""

USUAL_MODE: Final = "RGB"


def read_inputs(results: ResultStore, request: GenerationRequest) -> Inputs:
    """Every input of `request` by its role, in the mode of the role and at the size that its task works in.

    Raises JobFailure: `input_missing` if one is gone, `input_unreadable` if it is no picture.
    """
    task, size = task_named(request.task), request.parameters.input_size
    read: dict[str, tuple[Image.Image, ...]] = {}
    for given in sorted(request.inputs, key=lambda each: each.index):
        role = task.role(given.role)
        wanted = None if role is not None and role.as_given else size
        picture = fitted(_opened(results, given), role.mode if role else USUAL_MODE, wanted)
        read[given.role] = (*read.get(given.role, ()), picture)
    return read


def _opened(results: ResultStore, given: Input) -> Image.Image:
    try:
        content = results.read(given.key)
    except FileNotFoundError as error:
        raise JobFailure(f"the {given.role} that the job starts from is gone", code="input_missing") from error
    try:
        picture = Image.open(io.BytesIO(content), formats=(READABLE[given.medium],))
        picture.load()
    except (KeyError, OSError) as error:
        raise JobFailure(
            f"the {given.role} that the job starts from cannot be read as {given.medium}", code="input_unreadable"
        ) from error
    return picture
