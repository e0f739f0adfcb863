"""Prompts that are too long for the encoder, weighted or both are drawn as diffusers draws of their embeddings."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from core.weighted_text import passages
from tests.tiny_models import PROMPT_TOKENS
from tests.worker.engine.drawings import a_request, draw_all, plain_picture, plain_pipeline
from worker.contract import DrawRequest, Finished
from worker.engine.engine import Engine
from worker.pipelines.models import Models

TOLERANCE = 1e-4 + 0.5 / 255
ROOM = PROMPT_TOKENS - 2
LONG = "a red apple on a table by a window with a view of the sea"
"""Letters are tokens in the tiny models."""


def reference_embeddings(pipeline: Any, prompt: str, count: int, *, weighted: bool = False) -> tuple[Any, Any]:
    """Chunk by chunk, each alone, without what the package has for it."""
    states, pooled = [], None
    for tokenizer, encoder in encoders_of(pipeline):
        tokens: list[tuple[int, float]] = []
        for piece in passages(prompt)[0] if weighted else [None]:
            text, weight = (prompt, 1.0) if piece is None else (piece.text, piece.weight)
            tokens += [(token, weight) for token in tokenizer(text).input_ids[1:-1]]
        rows = []
        for number in range(count):
            chunk = tokens[number * ROOM : (number + 1) * ROOM]
            ids = [0, *[token for token, _ in chunk], 1]
            ids += [tokenizer.pad_token_id] * (PROMPT_TOKENS - len(ids))
            output = encoder(torch.tensor([ids]), output_hidden_states=True)
            state = output.hidden_states[-2] if hasattr(pipeline, "text_encoder_2") else output[0]
            weights = torch.tensor([1.0, *[weight for _, weight in chunk]])
            weights = torch.cat([weights, torch.ones(PROMPT_TOKENS - len(weights))])
            scaled = state * weights[None, :, None]
            mean = scaled.mean()  # a random encoder's states have none: its last layer takes it away
            rows.append(scaled * (state.mean() / mean) if abs(mean) > 1e-5 else scaled)
            if number == 0 and output[0].ndim == 2:
                pooled = output[0]
        states.append(torch.cat(rows, dim=1))
    return torch.cat(states, dim=-1), pooled


def encoders_of(pipeline: Any) -> list[tuple[Any, Any]]:
    pairs = [(pipeline.tokenizer, pipeline.text_encoder)]
    if hasattr(pipeline, "text_encoder_2"):
        pairs.append((pipeline.tokenizer_2, pipeline.text_encoder_2))
    return pairs


def solo(models: Models, request: DrawRequest, count: int) -> torch.Tensor:
    """The picture of plain diffusers, told the embeddings."""
    told: Any = request.parameters
    pipeline, arguments = plain_pipeline(models, request)
    weighted = told.prompt_syntax == "weighted"
    with torch.no_grad():
        for name in ("prompt", "negative_prompt"):
            embeds, pooled = reference_embeddings(pipeline, arguments.pop(name), count, weighted=weighted)
            arguments[f"{name}_embeds"] = embeds
            if pooled is not None:
                arguments["pooled_prompt_embeds" if name == "prompt" else "negative_pooled_prompt_embeds"] = pooled
        return pipeline(**arguments).images[0]


def difference(expected: torch.Tensor, event: Any) -> float:
    assert isinstance(event, Finished), event
    return float((event.result / 255 - expected.permute(1, 2, 0).clamp(0, 1)).abs().max())


@pytest.mark.parametrize("task", ["text-to-image", "image-to-image", "inpaint"])
@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_prompts_of_unequal_length_in_one_batch_are_drawn_as_alone(models: Models, model: str, task: str) -> None:
    # Given long, short and weighted prompts, some with a negative prompt that is longer
    requests = [
        (a_request(model, task=task, prompt=LONG, seed=1), 4),
        (a_request(model, task=task, prompt=LONG[:30], seed=2, negative_prompt="ugly"), 2),
        (a_request(model, task=task, prompt="a pear", seed=3, negative_prompt=LONG, num_inference_steps=6), 4),
        (a_request(model, task=task, prompt="a (red:1.4) [pear]", seed=4, prompt_syntax="weighted"), 1),
        (a_request(model, task=task, prompt=f"(a red:0.5){LONG}", seed=5, prompt_syntax="weighted"), 4),
    ]

    # When they are drawn together
    events = draw_all(models, [request for request, _ in requests])

    # Then each is what diffusers draws alone of the chunks' embeddings
    for (request, count), event in zip(requests, events, strict=True):
        assert difference(solo(models, request, count), event) <= TOLERANCE
        assert event.notes == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("syntax", ["plain", "weighted"])
@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_a_prompt_that_fits_is_left_to_the_stock_pipeline(models: Models, model: str, syntax: str) -> None:
    request = a_request(model, prompt="a red apple"[:ROOM], negative_prompt="ugly", prompt_syntax=syntax)

    (event,) = draw_all(models, [request])

    assert isinstance(event, Finished)
    stock = plain_picture(models, request).permute(1, 2, 0).clamp(0, 1)
    assert torch.equal(event.result, (stock * 255).round().to(torch.uint8))


def test_forty_long_prompts_differ_in_what_stands_past_the_limit_alone(models: Models) -> None:
    requests = [a_request(prompt=f"{LONG}, number {number}", num_inference_steps=2) for number in range(40)]

    events = draw_all(models, requests)

    pictures = {event.result.numpy().tobytes() for event in events if isinstance(event, Finished)}
    assert len(pictures) == 40


def test_a_chunk_met_before_is_not_encoded_again(models: Models) -> None:
    engine = Engine(models)
    for seed in (1, 2, 3):
        engine.submit(a_request(prompt=LONG + " again", negative_prompt="no such thing", seed=seed))
    engine.stop()

    engine.run()

    assert engine.stats.prompts_encoded == 2


@pytest.mark.parametrize(
    ("model", "told", "notes"),
    [
        ("mini", {"prompt": "a red apple"}, ()),
        (
            "mini",
            {"prompt": "a red apple on a table"},
            ("the prompt was cut after 14 of 17 tokens: 'ble' was not read",),
        ),
        (
            "mini",
            {"prompt": "a", "negative_prompt": "ugly " * 60},
            (f"the negative prompt was cut after 14 of 240 tokens: 'ly {'ugly ' * 39}ug…' was not read",),
        ),
        ("sd3", {"prompt": "a red apple on a table"}, ()),  # CLIP cuts it, and T5 reads it all
        ("sd3", {"prompt": "a" * 400}, ()),  # past the pipeline's own 256
        ("sd3", {"prompt": "a" * 515}, ("the prompt was cut after 511 of 516 tokens: 'aaaaa' was not read",)),
        (
            "sd15",
            {"prompt": "a" * 14 * 33},
            (f"the prompt was cut after 448 of 462 tokens: '{'a' * 14}' was not read",),
        ),
    ],
)
def test_what_no_encoder_reads_is_told(models: Models, model: str, told: dict[str, Any], notes: tuple[str]) -> None:
    (event,) = draw_all(models, [a_request(model, **told)])

    assert isinstance(event, Finished)
    assert event.notes == notes


def test_weights_that_a_model_cannot_take_are_told_and_left_out(models: Models) -> None:
    weighted, plain = draw_all(
        models,
        [
            a_request("mini", prompt="a (red:1.4) pear", prompt_syntax="weighted"),
            a_request("mini", prompt="a red pear", prompt_syntax="plain"),
        ],
    )

    assert isinstance(weighted, Finished)
    assert isinstance(plain, Finished)
    assert torch.equal(weighted.result, plain.result)
    assert weighted.notes == ("model 'mini' takes no weights in prompts: (word:1.3) was read as word",)
