"""A captioner of transformers describes pictures: the likeliest words first, others by their seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import BertTokenizerFast, BlipConfig, BlipForConditionalGeneration, BlipProcessor
from transformers import logging as transformers_logging
from transformers.models.blip.image_processing_pil_blip import BlipImageProcessorPil

from core.catalog.catalog import Catalog
from core.errors import JobFailure
from core.jobs import GenerationRequest
from tests.worker.engine.drawings import draw_all
from worker.contract import DrawRequest, Finished
from worker.pipelines.models import Models

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[ENC]",
    "[DEC]",
    *"a the red fox apple on blue table cat of".split(),
)


def write_captioner(folder: Path) -> Catalog:
    """A tiny BLIP with random weights behind a catalogue's row."""
    transformers_logging.set_verbosity_error()
    where = folder / "blip"
    where.mkdir()
    (where / "vocab.txt").write_text("\n".join(WORDS))
    text: dict[str, Any] = {"vocab_size": len(WORDS), "hidden_size": 16, "encoder_hidden_size": 16, "projection_dim": 8}
    text |= {"intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 128}
    text |= {"bos_token_id": 2, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision |= {"image_size": 32, "patch_size": 16, "projection_dim": 8}
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=8, image_text_hidden_size=8)
    torch.manual_seed(0)
    BlipForConditionalGeneration(config).save_pretrained(where)
    seen = BlipImageProcessorPil(size={"height": 32, "width": 32})
    BlipProcessor(seen, BertTokenizerFast(str(where / "vocab.txt"))).save_pretrained(where)
    (folder / "catalog.toml").write_text('[blip]\nsource = "blip"\nfamily = "captioner"\n')
    return Catalog.load(folder / "catalog.toml")


def described(models: Models, seeds: tuple[int, ...]) -> list[str]:
    request = GenerationRequest(task="image-to-text", model="blip", parameters={}, seeds=seeds)
    pictures = {"image": (Image.new("RGB", (40, 30), "red"),)}
    events = draw_all(models, [DrawRequest(request=request, seed=seed, inputs=pictures) for seed in seeds])
    assert all(isinstance(event, Finished) for event in events), events
    return [event.result for event in events if isinstance(event, Finished)]


def test_it_describes_by_seed(tmp_path: Path) -> None:
    models = Models(write_captioner(tmp_path), device="cpu")
    told = described(models, (1, 2, 3))
    assert all(set(text.split()) <= {*WORDS, ""} for text in told)
    assert described(models, (1, 2, 3)) == told
    # Whatever the seed, the first is the likeliest
    assert described(models, (7,)) == told[:1]
    assert len({*described(models, (4, 5, 6)), *told}) > 1


def test_weights_that_are_not_safe_are_refused(tmp_path: Path) -> None:
    catalog = write_captioner(tmp_path)
    (tmp_path / "blip" / "model.safetensors").write_bytes(b"\x80\x04pickled")
    with pytest.raises(JobFailure, match="not a safetensors file"):
        Models(catalog, device="cpu").get("blip")
