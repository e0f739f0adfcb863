"""What one request changes of the calls of its modules, before they are parked and after they have come back.

Modules are shared by all requests of a model, so they ask the request that calls them; the forwards themselves know
nothing of it, and merge as ever.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import torch

from worker.pipelines.components import modules_of

DENOISING: Final = ("unet", "transformer", "controlnet")
"""How the names of the components begin whose calls are changed."""

CODING: Final = ("encode", "decode")
"""The methods of autoencoders that are."""


class Change:
    """Of the calls of one request; as it stands, none. Called inside the request's fiber, once a call."""

    def asked(self, name: str, module: torch.nn.Module, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments that the component `name` is called with instead of `arguments`."""
        return arguments

    def answered(self, name: str, module: torch.nn.Module, output: Any) -> Any:  # noqa: ANN401 - the module's own
        """What the pipeline is given in place of the `output` of that call."""
        return output

    def encoded(self, encode: Callable[[torch.Tensor], Any], pixels: torch.Tensor) -> Any:  # noqa: ANN401
        """What the autoencoder makes of `pixels` [rows, channels, ..., height, width], by calling `encode`."""
        return encode(pixels)

    def decoded(self, decode: Callable[[torch.Tensor], Any], latents: torch.Tensor) -> Any:  # noqa: ANN401
        """What the autoencoder makes of `latents` [rows, channels, ..., height, width], by calling `decode`."""
        return decode(latents)


CHANGES: Final[ContextVar[Sequence[Change]]] = ContextVar("what the request that runs changes", default=())
"""Every fiber of the engine has a context of its own."""


@contextmanager
def changing(changes: Sequence[Change]) -> Iterator[None]:
    """Meanwhile, calls of this fiber are changed by `changes`, in their order."""
    token = CHANGES.set(changes)
    try:
        yield
    finally:
        CHANGES.reset(token)


def let_pipeline_change(pipeline: Any) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Have the denoisers and autoencoders of `pipeline` ask; once its calls park, since what parks runs elsewhere."""
    for name, module in modules_of(pipeline).items():
        let_forward_change(name, module)
        for method in CODING:
            if callable(getattr(module, "encode", None)) and callable(getattr(module, method, None)):
                let_method_change(module, method)


def let_forward_change(name: str, module: torch.nn.Module) -> None:
    """Have a component called `name` ask, once, if it is one that denoises."""
    if not name.startswith(DENOISING) or hasattr(module, "easel_changes"):
        return
    names = [*inspect.signature(type(module).forward).parameters][1:]

    def before(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's
        changes = CHANGES.get()
        if not changes:
            return None
        arguments = {**dict(zip(names, args, strict=False)), **kwargs}
        for change in changes:
            arguments = change.asked(name, module, arguments)
        return (), arguments

    def after(module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> Any:  # noqa: ANN401 - torch's
        for change in CHANGES.get():
            output = change.answered(name, module, output)
        return output

    module.register_forward_pre_hook(before, with_kwargs=True)
    module.register_forward_hook(after)
    module.easel_changes = True  # type: ignore[assignment]  # marks a module that asks


def let_method_change(module: torch.nn.Module, method: str) -> None:
    """Have `encode` or `decode` of an autoencoder ask, once."""
    own: Callable[..., Any] = getattr(module, method)
    if hasattr(own, "easel_changes"):
        return

    @functools.wraps(own)
    def changed(first: torch.Tensor, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the module's own signature
        run: Callable[[torch.Tensor], Any] = lambda given: own(given, *args, **kwargs)  # noqa: E731
        for change in CHANGES.get():
            run = functools.partial(change.decoded if method == "decode" else change.encoded, run)
        return run(first)

    changed.easel_changes = True  # type: ignore[attr-defined]
    setattr(module, method, changed)
