"""A prompt met before is not encoded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.worker.engine.drawings import a_request, draw_all, last_event, misbehave
from worker.contract import Finished
from worker.engine.engine import Engine
from worker.engine.prompts import PromptCache
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
    assert torch.equal(first.result, second.result)


class Adapted(torch.nn.Module):
    """What PEFT (0.21) makes of a layer, as far as the cache looks at it; PEFT itself is no dependency of ours."""

    def __init__(self, **scaling: float) -> None:
        super().__init__()
        self.scaling = scaling
        self.active_adapters = list(scaling)
        self.disable_adapters = False


def test_an_output_is_kept_for_one_state_of_the_adapters_only(fresh_models: Callable[..., Models]) -> None:
    # Given an encoder with an adapter, and a prompt that it has met
    models = fresh_models()
    encoder = models.get("sd15").pipeline.text_encoder
    encoder.peft_config = {"style": object()}
    encoder.style = Adapted(style=1.0)
    rows: list[int] = []
    misbehave(encoder, "forward", lambda input_ids, **rest: rows.append(len(input_ids)))
    engine = Engine(models)

    def encoded_again() -> bool:
        before = len(rows)
        drawing = engine.submit(a_request(num_inference_steps=1))
        with torch.no_grad():
            while engine.has_work():
                engine.tick()
        assert isinstance(last_event(drawing), Finished)
        return len(rows) > before

    assert encoded_again()
    assert not encoded_again()
    # When the adapter is made weaker or switched off, then the prompt is encoded again
    encoder.style.scaling["style"] = 0.5
    assert encoded_again()
    encoder.style.disable_adapters = True
    assert encoded_again()
    # And when it is as it was, what is kept is good again
    encoder.style.disable_adapters = False
    assert not encoded_again()


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
