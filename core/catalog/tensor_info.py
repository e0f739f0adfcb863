"""What the header of a file of weights says of one tensor, and the error that a wrong one raises."""

from __future__ import annotations

from typing import NamedTuple


class CheckpointError(ValueError):
    """A file of weights cannot be taken; the message says why in words for the owner of the machine."""


class TensorInfo(NamedTuple):
    """Type (as the format writes it), shape (outermost axis first), and where in the file its bytes are."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
