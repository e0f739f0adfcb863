"""A prompt met before is not encoded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.worker.engine.drawings import a_request, draw_all, misbehave
from worker.engine.engine import Engine
from worker.engine.prompts import PromptCache
from worker.engine.requests import Finished
from worker.pipelines.models import Models


def test_equal_prompts_of_one_batch_and_of_later_ones_are_encoded_once(fresh_models: Callable[..., Models]) -> None:
    # Given an encoder that counts the rows it computes
    models = fresh_models()
    rows: list[int] = []
    encoder = models.get("sd15").pipeline.text_encoder
    misbehave(encoder, "forward", lambda input_ids, **rest: rows.append(len(input_ids)))
    engine = Engine(models)
    # When four images of one prompt are drawn, and later a fifth
    for seed in range(4):
        engine.submit(a_request(seed=seed))
    with torch.no_grad():
        engine.tick()
        while engine.active:
            engine.tick()
        engine.submit(a_request(seed=9, num_inference_steps=6))
    engine.stop()
    engine.run()
    # Then the prompt cost one row, and so did the empty negative prompt
    assert rows == [1, 1]


def test_a_cached_prompt_draws_the_same_picture(models: Models) -> None:
    first, second = (draw_all(models, [a_request("sdxl", seed=3)])[0] for _ in range(2))
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert torch.equal(first.pixels, second.pixels)


def test_the_least_recently_used_output_leaves_first() -> None:
    cache = PromptCache(max_bytes=2 * 4 * 10)
    for key in ("a", "b"):
        cache.put(key, (torch.zeros(10),))
    assert cache.get("a") is not None
    cache.put("c", (torch.zeros(10),))
    assert cache.get("b") is None
    assert cache.get("a") is not None
    assert len(cache) == 2


def test_what_is_kept_is_no_view_into_a_batch() -> None:
    cache = PromptCache()
    batch: Any = torch.zeros(8, 4)
    cache.put("a", {"last_hidden_state": batch[:1]})
    batch += 1
    kept = cache.get("a")["last_hidden_state"]
    assert kept.sum() == 0
    assert kept.untyped_storage().nbytes() == 4 * 4
