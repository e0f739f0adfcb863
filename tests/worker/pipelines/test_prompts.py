"""Pipelines of other makes take long prompts too: those with one encoder, the second alone, or no negative prompt."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import (
    LatentConsistencyModelPipeline,
    LCMScheduler,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLInstructPix2PixPipeline,
)

from core.weighted_text import Piece
from tests import tiny_models
from tests.worker.engine.drawings import PICTURE, a_request
from worker.pipelines.clip_chunks import chunks_of, clip_encoders
from worker.pipelines.prompts import with_prompts
from worker.pipelines.unread_text import reading

LONG = "a red apple on a table by a window"
ROW = tiny_models.row("tiny", "sd15")


def lcm() -> Any:
    parts = tiny_models.sd15(time_cond_proj_dim=32).components
    scheduler = LCMScheduler.from_config(parts["scheduler"].config)
    return LatentConsistencyModelPipeline(**{**parts, "scheduler": scheduler}, requires_safety_checker=False)


def pix2pix() -> Any:
    return StableDiffusionInstructPix2PixPipeline(
        **tiny_models.sd15(in_channels=8).components, requires_safety_checker=False
    )


def refiner() -> Any:
    parts = tiny_models.sdxl().components
    narrow = tiny_models.unet(
        cross_attention_dim=32,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=5 * 8 + 32,
    )
    only = {"text_encoder": None, "tokenizer": None, "unet": narrow}
    return StableDiffusionXLImg2ImgPipeline(**{**parts, **only}, requires_aesthetics_score=True)


def xl_pix2pix() -> Any:
    parts = tiny_models.sdxl().components
    parts = {name: part for name, part in parts.items() if name not in {"image_encoder", "feature_extractor"}}
    changes = {"in_channels": 8, "cross_attention_dim": 64, "addition_embed_type": "text_time"}
    changes |= {"addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 6 * 8 + 32}
    return StableDiffusionXLInstructPix2PixPipeline(**{**parts, "unet": tiny_models.unet(**changes)})


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (lcm, {"width": 64, "height": 64}),
        (pix2pix, {"image": PICTURE, "negative_prompt": ""}),
        (refiner, {"image": PICTURE, "negative_prompt": "", "strength": 1.0}),
        (xl_pix2pix, {"image": PICTURE, "negative_prompt": "", "width": 64, "height": 64}),
    ],
)
def test_the_end_of_a_long_prompt_counts(make: Any, arguments: dict[str, Any]) -> None:
    # Given a pipeline of this make
    pipeline = make()
    pipeline.set_progress_bar_config(disable=True)

    def drawn(prompt: str) -> tuple[torch.Tensor, list[str]]:
        notes: list[str] = []
        told = {**arguments, "prompt": prompt, "guidance_scale": 4.0, "num_inference_steps": 2, "output_type": "pt"}
        with torch.no_grad():
            told = with_prompts(pipeline, ROW, a_request(), told, notes.append)
            with reading(pipeline, told, notes.append):
                return pipeline(**told, generator=torch.Generator().manual_seed(1)).images[0], notes

    # When it draws prompts that differ past what its encoder reads at once
    first, notes = drawn(LONG)
    second, _ = drawn(f"{LONG} sill")

    # Then the pictures differ, and nothing was cut
    assert not torch.equal(first, second)
    assert notes == []


@pytest.mark.parametrize(("family", "count"), [("sd15", 1), ("sdxl", 2), ("sd3", 0), ("flux", 0)])
def test_only_what_reads_clip_alone_reads_in_chunks(family: str, count: int) -> None:
    assert len(clip_encoders(tiny_models.FAMILIES[family]())) == count


def test_without_a_negative_prompt_it_is_what_the_pipeline_makes_of_none() -> None:
    pipeline = tiny_models.sdxl()
    pipeline.register_to_config(force_zeros_for_empty_prompt=True)

    told = with_prompts(pipeline, ROW, a_request(), {"prompt": LONG}, print)

    assert told["negative_prompt_embeds"].shape == told["prompt_embeds"].shape
    assert not told["negative_prompt_embeds"].any()
    assert not told["negative_pooled_prompt_embeds"].any()


def test_a_chunk_ends_behind_its_last_comma() -> None:
    pipeline = tiny_models.sd15()
    (encoder,) = clip_encoders(pipeline)

    chunks = chunks_of([(Piece("abcdefgh, ijk lmn opq"),)], encoder, pipeline)

    assert [encoder.tokenizer.decode(chunk.ids).strip() for chunk in chunks] == ["abcdefgh ,", "ijk lmn opq"]
