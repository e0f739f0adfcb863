"""Textual inversions: what a file must have, what a word becomes, and that both encoders see it."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.catalog.catalog import Catalog
from core.errors import JobFailure
from tests.worker.engine.drawings import a_request, draw_all
from worker.contract import Finished
from worker.pipelines.models import Models
from worker.pipelines.textual_inversions import with_tokens

WORD = "easynegative"
VECTORS = torch.randn(3, 32, generator=torch.Generator().manual_seed(7))

Load = Callable[..., Models]


@pytest.fixture
def load(catalog: Catalog, tmp_path: Path) -> Load:
    """The tiny models, one of them with an embedding of these tensors."""

    def loaded(model: str, tensors: dict[str, torch.Tensor] | None = None, file: str = "easy.safetensors") -> Models:
        if tensors is not None:
            save_file(tensors, tmp_path / file)
        rows = [catalog.model(model).evolve(embeddings={WORD: str(tmp_path / file)})]
        return Models(catalog.evolve(models=tuple(rows), default=model), device="cpu", max_resident=1)

    return loaded


def picture(models: Models, model: str, prompt: str, **changes: Any) -> torch.Tensor:
    (event,) = draw_all(models, [a_request(model, prompt=prompt, num_inference_steps=2, **changes)])
    assert isinstance(event, Finished), event
    assert event.notes == ()
    pixels: torch.Tensor = event.result
    return pixels


@pytest.mark.parametrize(
    ("model", "tensors"),
    [
        ("sd15", {"emb_params": VECTORS}),
        ("sd15", {"<cat-toy>": VECTORS[0]}),
        ("sdxl", {"clip_l": VECTORS, "clip_g": VECTORS + 1}),
        ("mini", {"emb_params": VECTORS}),
    ],
)
def test_a_word_stands_for_its_vectors(load: Load, model: str, tensors: dict[str, torch.Tensor]) -> None:
    # Given a model with an embedding
    models = load(model, tensors)

    # When its word stands in a prompt, in capitals or small, or the embedding's own token
    by_word = picture(models, model, "a easynegative")
    alike = [picture(models, model, words) for words in ("a EasyNegative", "a <easynegative>")]

    # Then that is another picture than the same letters make without it
    assert all(torch.equal(by_word, other) for other in alike)
    assert not torch.equal(by_word, picture(models, model, "a easynegativ"))
    assert not torch.equal(picture(models, model, "a", negative_prompt=WORD), picture(models, model, "a"))


def test_it_counts_its_vectors_and_is_read_in_long_and_weighted_prompts(load: Load) -> None:
    models = load("sd15", {"emb_params": VECTORS})
    model = models.get("sd15")
    text = model.pipeline.maybe_convert_prompt("<easynegative>", model.pipeline.tokenizer)
    assert len(model.pipeline.tokenizer(text).input_ids) == 3 + 2

    filler = "abcdefghijklmnop"
    assert not torch.equal(
        picture(models, "sd15", f"{filler} {WORD}"), picture(models, "sd15", f"{filler} easynegativ")
    )
    weighted = picture(models, "sd15", f"a ({WORD}:0.2)", prompt_syntax="weighted")
    assert not torch.equal(weighted, picture(models, "sd15", f"a {WORD}"))


@pytest.mark.parametrize(
    ("model", "tensors", "said"),
    [
        ("sd15", {"emb_params": torch.zeros(2, 48)}, "its vectors have 48 numbers, and those of text_encoder have 32"),
        ("sdxl", {"emb_params": VECTORS}, "it has emb_params, and the model takes clip_l and clip_g"),
        ("sdxl", {"clip_l": VECTORS, "clip_g": torch.zeros(2, 48)}, "those of text_encoder_2 have 32"),
        ("sd15", {"weight": VECTORS, "bias": VECTORS + 1}, "it has bias, weight, and the model takes emb_params"),
        ("flux", {"emb_params": VECTORS}, ""),
        ("sd15", None, "there is no such file"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_its_name(load: Load, model: str, tensors: Any, said: str) -> None:
    with pytest.raises(JobFailure) as failure:
        load(model, tensors).get(model)

    assert failure.value.code == "model_load_failed"
    assert WORD in failure.value.message
    assert "easy.safetensors" in failure.value.message
    assert said in failure.value.message


def test_a_pickle_is_not_opened(load: Load, tmp_path: Path) -> None:
    (tmp_path / "easy.safetensors").write_bytes(pickle.dumps({"emb_params": [1.0]}))

    with pytest.raises(JobFailure, match=r"easy\.safetensors"):
        load("sd15").get("sd15")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Easy, (easy:1.2) uneasy easy-going easy2 EASY", "<easy>, (<easy>:1.2) uneasy easy-going <easy2> <easy>"),
        ("<easy> <cat-toy>", "<easy> <cat-toy>"),
    ],
)
def test_a_word_counts_where_it_stands_alone(prompt: str, text: str) -> None:
    words = {"easy": "a.safetensors", "easy2": "b.safetensors", "<cat-toy>": "c.safetensors"}

    assert with_tokens(prompt, words) == text
