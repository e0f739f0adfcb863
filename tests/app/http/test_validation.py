"""A client's own field names stand in what it is told, whichever wire it came by."""

from __future__ import annotations

import pytest

from app.http.validation import named_as
from core.errors import InvalidRequest

NAMES = {"num_inference_steps": "steps", "width": "size", "n": "batch_size", "output.quality": "output_compression"}


@pytest.mark.parametrize(
    ("message", "param", "told", "named"),
    [
        ("num_inference_steps 200 is over 100", "num_inference_steps", "steps 200 is over 100", "steps"),
        (
            "'output.quality' 90 does not fit",
            "output.quality",
            "'output_compression' 90 does not fit",
            "output_compression",
        ),
        ("width 250 does not fit: 256 would", "width", "size 250 does not fit: 256 would", "size"),
        ("bandwidth is no width.", "prompt", "bandwidth is no size.", "prompt"),
        ("n 5 is over the 4 of model 'n-1'", "n", "batch_size 5 is over the 4 of model 'n-1'", "batch_size"),
    ],
)
def test_a_field_is_told_by_the_client_s_name(message: str, param: str, told: str, named: str) -> None:
    with pytest.raises(InvalidRequest) as raised, named_as(NAMES):
        raise InvalidRequest(message, code="some_code", param=param)

    assert (raised.value.message, raised.value.param, raised.value.code) == (told, named, "some_code")
