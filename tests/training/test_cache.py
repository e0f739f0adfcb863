"""Batches are drawn as the cache says: twins differ in the style alone, blurring never leaves style and background."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training import cache, workspace

MODEL = Path(__file__).parents[2] / "models" / "easel-mini"
STYLES, COLOURS = ("3d", "flat"), ("white", "red")


def entry(motif: int, style: str, colour: str, scale: float = 1.0) -> dict:
    return {"motifs": [motif], "style": style, "colour": colour, "scale": scale}


@pytest.fixture
def drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> cache.Cache:
    """Two motifs in both styles on two backgrounds; latents and states are filled with the number of their row."""
    entries = [entry(m, s, c) for m in (0, 1) for s in STYLES for c in COLOURS]
    entries.append(entry(0, "3d", "white", scale=0.9))
    texts = ["", *(f"caption {row}" for row in range(len(entries)))]
    for row, made in enumerate(entries):
        made["captions"] = [f"caption {row}"]
    latents = np.arange(len(entries), dtype=np.float16).reshape(-1, 1, 1, 1)
    np.save(tmp_path / "full.npy", latents * np.ones((1, 4, 32, 32), np.float16))
    np.save(tmp_path / "half.npy", latents * np.ones((1, 4, 16, 16), np.float16))
    states = np.arange(-1, len(entries), dtype=np.float16).reshape(-1, 1, 1)
    np.save(tmp_path / "captions.npy", states * np.ones((1, 24, 384), np.float16))
    (tmp_path / "captions.json").write_text(json.dumps(texts))
    (tmp_path / "entries.json").write_text(json.dumps(entries))
    (tmp_path / "scale.json").write_text(json.dumps({"std": 1.0}))
    monkeypatch.setattr(workspace, "LATENTS", tmp_path)
    monkeypatch.setattr(workspace, "TAUGHT_ENCODER", MODEL / "text_encoder")
    monkeypatch.setattr(workspace, "TOKENIZER", MODEL / "tokenizer")
    return cache.Cache(torch.device("cpu"), tier=1, known_tier=0)


def test_latents_and_captions_of_different_plans_are_refused(drawing: cache.Cache) -> None:
    # Given captions that were written anew for fewer pictures
    entries = workspace.LATENTS / "entries.json"
    entries.write_text(json.dumps(drawing.entries[:-1]))
    # Then they are not taken for those of the latents
    with pytest.raises(SystemExit, match="different plans"):
        cache.Cache(torch.device("cpu"), tier=1, known_tier=0)


def test_twins_are_one_motif_in_both_styles_on_one_background(drawing: cache.Cache) -> None:
    # When a batch is drawn
    latents, _, twins = drawing.draw(32, 32, np.random.default_rng(1))
    # Then as many first and last rows are told to be twins
    assert (len(latents), twins) == (32, 4)
    rows = latents[:, 0, 0, 0].int().tolist()
    for one, other in zip(rows[:twins], rows[-twins:], strict=True):
        solid, flat = drawing.entries[one], drawing.entries[other]
        assert (solid["style"], flat["style"]) == STYLES
        assert (solid["motifs"], solid["colour"], solid["scale"]) == (flat["motifs"], flat["colour"], flat["scale"])


def test_blurred_captions_keep_style_and_background(drawing: cache.Cache) -> None:
    # Given many draws of one picture, whose caption may be blurred towards the others of its kind
    row, kind = 0, [0, 4, 8]
    rows = np.array([row] * 200)
    states = torch.full((200, 24, 384), float(row))
    drawing.blur(rows, states, np.random.default_rng(1))
    values = states[:, 0, 0]
    # Then about half are as they were, and none is more than two fifths of the way to one of them
    assert 0.3 < (values == row).float().mean() < 0.8
    assert row < values.max() <= row + cache.BLUR_MOST * max(kind)
    assert torch.equal(states, values.view(-1, 1, 1).expand_as(states))


def test_nothing_need_be_blurred(drawing: cache.Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "BLUR_SHARE", 0.0)
    states = torch.ones(2, 24, 384)
    drawing.blur(np.array([0, 1]), states, np.random.default_rng(1))
    assert (states == 1).all()


def test_some_captions_are_empty_for_guidance(drawing: cache.Cache) -> None:
    rng = np.random.default_rng(1)
    empty = [float((drawing.draw(64, 16, rng)[1] == -1).all(dim=(1, 2)).float().mean()) for _ in range(10)]
    assert 0.05 < np.mean(empty) < 0.16
