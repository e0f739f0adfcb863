"""diffusers with OpenVINO behind plain FastAPI: `python -m benchmarks.peer_openvino PORT FOLDER IR`.

A stand-in for optimum-intel, which does the same: diffusers' own pipeline, whose UNet and autoencoder are compiled by
OpenVINO. It takes part for models that optimum-intel does not load, such as the bundled one (optimum-intel 2.2.0): its
export wants `projection_dim` of the text encoder's configuration, which BERT's has not; with that put in, it knows no
export of a text encoder that is not CLIP or T5 ("Model type cannot be inferred"); and its autoencoder must give a
distribution of latents, which AutoencoderTiny does not. OpenVINO GenAI 2026.4 says "Unsupported 'BertModel' text
encoder type".

The stand-in is given its best case: sizes are fixed, as nothing else than one picture at a time comes (one row, or two
with guidance), where optimum-intel leaves them open; the text encoder, two milliseconds, stays torch's. It is converted
once, to the folder IR, by a process of its own, so that its memory is not counted.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import openvino
import torch

from benchmarks.peer_fastapi import serve
from benchmarks.peer_painter import SIDE, Painter, stock_pipeline

PRECISION: Final = {"INFERENCE_PRECISION_HINT": "f32"}
"""As the others compute, on processors with a faster half precision too."""


class Denoiser(torch.nn.Module):
    """The UNet's forward with what the pipeline gives it, and no more."""

    def __init__(self, unet: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.unet = unet

    def forward(self, sample: torch.Tensor, timestep: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        return self.unet(sample, timestep, encoder_hidden_states=text, return_dict=False)[0]


class Decoder(torch.nn.Module):
    def __init__(self, vae: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.vae = vae

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.vae.decode(latents, return_dict=False)[0]


def convert(folder: str, ir: Path) -> None:
    """Write `unet.xml` and `vae.xml` to the folder `ir`, which appears whole or not at all; sizes are left open."""
    unfinished = ir.with_name(f"{ir.name}-unfinished")
    pipeline = stock_pipeline(folder)
    side = SIDE // pipeline.vae_scale_factor
    latents = torch.randn(2, pipeline.unet.config.in_channels, side, side)
    text = torch.randn(2, pipeline.tokenizer.model_max_length, pipeline.unet.config.cross_attention_dim)
    with torch.no_grad():
        parts = {
            "unet": (Denoiser(pipeline.unet).eval(), (latents, torch.full((2,), 500.0), text)),
            "vae": (Decoder(pipeline.vae).eval(), (latents[:1],)),
        }
        for name, (module, example) in parts.items():
            model = openvino.convert_model(module, example_input=example)
            openvino.save_model(model, unfinished / f"{name}.xml", compress_to_fp16=False)
    unfinished.rename(ir)


class Compiled:
    """A model compiled for every shape of inputs that comes; each holds what it needs of the weights."""

    def __init__(self, path: Path) -> None:
        self._core = openvino.Core()
        self._path = path
        self._by_shapes: dict[tuple[tuple[int, ...], ...], Any] = {}

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        arrays = [each.numpy() for each in inputs]
        shapes = tuple(array.shape for array in arrays)
        if shapes not in self._by_shapes:
            model = self._core.read_model(self._path)
            model.reshape(dict(enumerate(shapes)))
            self._by_shapes[shapes] = self._core.compile_model(model, "CPU", PRECISION)
        return torch.from_numpy(self._by_shapes[shapes](arrays)[0])


class Replaced(torch.nn.Module):
    """Stands where a module of the pipeline stood, without its weights."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, original: Any, **methods: Callable[..., Any]) -> None:  # noqa: ANN401
        super().__init__()
        self.config = original.config
        for name, method in methods.items():
            setattr(self, name, method)


def compiled_pipeline(folder: str, ir: Path) -> Any:  # noqa: ANN401
    """The stock pipeline of `folder` with the compiled models of `ir` in place of its UNet and its decoder."""
    pipeline = stock_pipeline(folder)
    unet, vae = Compiled(ir / "unet.xml"), Compiled(ir / "vae.xml")

    def denoise(sample: torch.Tensor, timestep: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: Any) -> Any:  # noqa: ANN401
        return (unet(sample, timestep.float().expand(len(sample)), encoder_hidden_states),)

    def decode(latents: torch.Tensor, **_: Any) -> Any:  # noqa: ANN401
        return (vae(latents),)

    pipeline.unet = Replaced(pipeline.unet, forward=denoise)
    pipeline.vae = Replaced(pipeline.vae, decode=decode)
    return pipeline


def painter(folder: str, ir: Path) -> Painter:
    """Converts first where that has not been done."""
    if not ir.exists():
        converting = multiprocessing.get_context("spawn").Process(target=convert, args=(folder, ir))
        converting.start()
        converting.join()
        if converting.exitcode:
            raise RuntimeError(f"{folder} could not be converted")
    return Painter(compiled_pipeline(folder, ir))


if __name__ == "__main__":
    serve(int(sys.argv[1]), lambda: painter(sys.argv[2], Path(sys.argv[3])))
