"""The line that other programs read in a picture's metadata."""

from __future__ import annotations

import pytest

from core.infotext import infotext
from core.jobs import GenerationRequest

PARAMETERS = {
    "prompt": "赤いリンゴ",
    "negative_prompt": "text",
    "width": 64,
    "height": 64,
    "num_inference_steps": 20,
    "guidance_scale": 4.0,
    "scheduler": "dpmpp-2m",
}


def a_request(**parameters: object) -> GenerationRequest:
    return GenerationRequest.model_validate(
        {"task": "text-to-image", "model": "mini", "parameters": {**PARAMETERS, **parameters}, "seeds": [8]}
    )


def test_the_line_that_other_tools_read() -> None:
    assert infotext(a_request(), 8).splitlines() == [
        "赤いリンゴ",
        "Negative prompt: text",
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 4, Seed: 8, Size: 64x64, Model: mini",
    ]


def test_tiling_chaos_and_weird_stand_in_it_where_they_are_asked_for() -> None:
    told = infotext(a_request(tiling=True, chaos=30, weird=250), 8)
    assert "Model: mini, Tiling: True, Chaos: 30, Weird: 250" in told
    assert not any(word in infotext(a_request(), 8) for word in ("Tiling", "Chaos", "Weird"))


@pytest.mark.parametrize("negative", ["", None])
def test_no_line_for_a_negative_prompt_that_is_not_there(negative: str | None) -> None:
    assert len(infotext(a_request(negative_prompt=negative or ""), 8).splitlines()) == 2
