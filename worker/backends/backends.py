"""Which backend computes the forwards of a model, and how it gets between a module and those that call it."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from diffusers import ModelMixin
from transformers import PreTrainedModel

from core.catalog.model import Backend
from worker.backends.builder import Builder
from worker.backends.graph_files import GraphFiles, Source
from worker.backends.graphs import SIZES, Graphs, is_small
from worker.backends.openvino_library import is_installed
from worker.backends.signatures import NotPlainError, Signature, describe, parameter_names

logger = logging.getLogger(__name__)

DENOISERS: Final = ("unet", "transformer")
"""How the names of components begin whose whole forward becomes a graph."""
SMALL: Final = ("text_encoder",)
"""Of those that do where they are small: a large one would cost memory for what a picture needs once."""
ENDS: Final = ("encoder", "decoder")
"""The parts of an autoencoder that do."""
ONE_BY_ONE: Final = (1,)
"""Rows of an autoencoder, where a picture costs as much in a batch as alone, and memory grows with the rows."""
TWO_BY_TWO: Final = (2, 1)
"""Of a small one, and of a text encoder, which few new prompts reach at once."""

MOST_SIGNATURES: Final = 8
"""Of one module: sizes of pictures and lengths of prompts. What else comes is left to torch."""


@dataclass(slots=True)
class Installed:
    """The backend of one loaded model: its name, and the graphs that were made for it so far."""

    name: str = "eager"
    graphs: list[Graphs] = field(default_factory=list)

    def __str__(self) -> str:
        """In words, with what was left to torch and why."""
        refused = {f"{graphs.name}: {graphs.refusal}" for graphs in self.graphs if graphs.refusal}
        return f"{self.name}; by torch {'; '.join(sorted(refused))}" if refused else self.name


class Backends:
    """Puts compiled graphs under the modules of models, where the choice, the device and the precision allow it."""

    def __init__(
        self, choice: Backend, device: torch.device, files: GraphFiles, free_bytes: Callable[[], int | None]
    ) -> None:
        self._choice = choice
        self._device = device
        self._builder = Builder(files, torch.get_num_threads(), free_bytes)

    def install(self, pipeline: Any, choice: Backend | None) -> Installed:  # noqa: ANN401 - any diffusers pipeline
        """Give the heavy modules of `pipeline` the backend of `choice`, else the one of all models."""
        wanted = choice if choice not in {None, "auto"} else self._choice
        if wanted == "eager" or self._device.type != "cpu" or not is_installed():
            if wanted == "openvino":
                logger.warning("no OpenVINO for a model", extra={"device": self._device.type, "found": is_installed()})
            return Installed()
        fitting = [(source, sizes) for source, sizes in sources_of(pipeline) if fits(source)]
        installed = Installed("openvino" if fitting else "eager")
        for source, sizes in fitting:
            put_under(source, self._builder.want, sizes, installed)
        return installed

    def wait(self) -> None:
        """Until all graphs that were asked for are there."""
        self._builder.wait()

    def close(self) -> None:
        """End what is being made."""
        self._builder.close()


def sources_of(pipeline: Any) -> list[tuple[Source, tuple[int, ...]]]:  # noqa: ANN401
    """What of a pipeline costs time enough for a graph, and for which numbers of rows it is worth the memory."""
    found: list[tuple[Source, tuple[int, ...]]] = []
    for name, part in pipeline.components.items():
        if name.startswith(DENOISERS):
            found.append((Source(part, ""), SIZES))
        elif name.startswith(SMALL) and is_small(part):
            found.append((Source(part, ""), TWO_BY_TWO))
        elif name == "vae":
            found += [(Source(part, end), TWO_BY_TWO if is_small(part) else ONE_BY_ONE) for end in ENDS]
    return found


def fits(source: Source) -> bool:
    """Whether the module can become a graph: of a stock model, in float32 throughout, as it was saved."""
    owner = source.owner
    if not isinstance(owner, torch.nn.Module) or not isinstance(owner, ModelMixin | PreTrainedModel):
        return False
    if not isinstance(getattr(owner, source.part, owner), torch.nn.Module) or getattr(owner, "hf_quantizer", None):
        return False
    weights: Iterable[torch.Tensor] = source.owner.parameters()
    return all(weight.dtype == torch.float32 and weight.device.type == "cpu" for weight in weights)


def put_under(
    source: Source, want: Callable[[Graphs, int], None], sizes: tuple[int, ...], installed: Installed
) -> None:
    """Let the module answer from graphs what it can; everything else is left to its own forward."""
    module = source.module
    own: Callable[..., Any] = module.forward
    names = parameter_names(own)
    optional = {each.name for each in inspect.signature(own).parameters.values() if each.default is None}
    known: dict[Signature, Graphs] = {}

    @functools.wraps(own)
    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the module's own signature
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        # Whether None is said or left out is no difference.
        arguments = {name: value for name, value in given.items() if value is not None or name not in optional}
        if not is_plain_call(source.owner):
            return own(*args, **kwargs)
        try:
            call = describe(arguments)
        except NotPlainError:
            return own(*args, **kwargs)
        if call.signature not in known and len(known) < MOST_SIGNATURES:
            known[call.signature] = Graphs(source, call.signature, sizes, want)
            installed.graphs.append(known[call.signature])
        graphs = known.get(call.signature)
        answer = None if graphs is None or graphs.refusal else graphs.run(call, own)
        return own(*args, **kwargs) if answer is None else answer

    forward.__self__ = module  # type: ignore[attr-defined]  # whose forward it is, as of any bound method
    forward.answers_from_graphs = True  # type: ignore[attr-defined]
    module.forward = forward


def is_plain_call(owner: Any) -> bool:  # noqa: ANN401
    """Whether a graph answers it: no adapters are on, no rows are wrapped, and no gradients are asked for."""
    wraps = getattr(getattr(owner, "easel_padding", None), "rows", ())
    return not torch.is_grad_enabled() and not getattr(owner, "peft_config", None) and not wraps
