"""Says what a picture shows by a captioner of transformers: BLIP, Florence-2, what else writes text for a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import torch
import transformers

from core.catalog.model import Model
from core.errors import JobFailure
from worker.contract import DrawRequest
from worker.pipelines.network import Network, Stepped
from worker.pipelines.weights import check_weights

MOST_TOKENS: Final = 60
TEMPERATURE: Final = 0.9
"""Of all prompts after the first, which is the likeliest one."""


class Captioner(Network):
    """Its module writes; `processor` reads pictures for it, and turns its tokens to words."""

    def __init__(self, module: Any, processor: Any, arguments: dict[str, Any]) -> None:  # noqa: ANN401
        super().__init__(module, "captioner")
        self._processor = processor
        self._arguments = arguments

    def __call__(self, request: DrawRequest, stepped: Stepped) -> str:
        """A prompt for the picture of `request`: the likeliest first, later ones drawn by their seeds."""
        device, dtype = self.place
        arguments = dict(self._arguments)
        text = arguments.pop("prompt", None)
        given = self._processor(images=request.inputs["image"][0], text=text, return_tensors="pt").to(device)
        given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in given.items()}
        first = request.seed == request.request.seeds[0]
        ways = {"do_sample": False} if first else {"do_sample": True, "temperature": TEMPERATURE}
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(request.seed)  # transformers takes no generator
            module: Any = self.module
            tokens = module.generate(**given, **{"max_new_tokens": MOST_TOKENS, **ways, **arguments})
        stepped(1, 1, None)
        words: str = self._processor.batch_decode(tokens, skip_special_tokens=True)[0]
        return " ".join(words.split())


def opened(row: Model, path: Path, dtype: torch.dtype) -> Captioner:
    """The captioner in the folder `path`: safetensors, no code from it. Raises JobFailure, or as transformers does.

    `arguments` of the row are passed to `generate`; a `prompt` among them is what the model is asked.
    """
    if not path.is_dir():
        raise JobFailure(f"{path.name} is no folder of a captioner", code="model_load_failed")
    check_weights(path)
    stock: Any = transformers
    local = {"local_files_only": True, "trust_remote_code": False}
    module = stock.AutoModelForImageTextToText.from_pretrained(path, dtype=dtype, use_safetensors=True, **local)
    processor = stock.AutoProcessor.from_pretrained(path, **local)
    return Captioner(module.eval().requires_grad_(requires_grad=False), processor, row.arguments)
