"""What is wrong with drawn pictures, as people would see it: flat, burned, of another size, or all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch

FLAT_SPREAD: Final = 1.5
"""Standard deviation of all values, in steps of 0..255, below which a picture shows nothing."""

BURNED_SHARE: Final = 0.5
"""Share of the values at 0 or 255 from which on a picture is burned out."""

BURNED: Final = (
    "most pixels are black or white: as with guidance for a model that wants none (guidance_scale = 0), or with a "
    'v-prediction model told otherwise (scheduler_config = { prediction_type = "v_prediction" })'
)
FLAT: Final = (
    "they come of timesteps of the wrong spacing (scheduler_config = { timestep_spacing = "
    '"trailing" }), an autoencoder that does not belong to the model, or float16 that overflows (dtype = "float32")'
)


def faults_of(pictures: Sequence[torch.Tensor], size: tuple[int, int]) -> list[str]:
    """In words; `pictures` are uint8 [height, width, 3] of different seeds, `size` is width and height asked for."""
    found = []
    for number, picture in enumerate(pictures, 1):
        height, width = picture.shape[:2]
        if (width, height) != size:
            found.append(f"picture {number} is {width}x{height}, and {size[0]}x{size[1]} was asked for")
        values = picture.float()
        if float(values.std()) < FLAT_SPREAD:
            found.append(f"picture {number} is flat: {FLAT}")
        elif float(((picture == 0) | (picture == 255)).float().mean()) > BURNED_SHARE:
            found.append(f"picture {number} is burned: {BURNED}")
    same = len(pictures) > 1 and all(torch.equal(pictures[0], each) for each in pictures[1:])
    if same and not found:
        found.append("every seed draws the same picture")
    return list(dict.fromkeys(found))
