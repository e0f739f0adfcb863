"""Hooks the heavy modules of a pipeline, found by their names, so that a call made inside a fiber parks it."""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable, Hashable
from typing import Any, Final

import greenlet
import torch
from diffusers import AutoencoderKL, AutoencoderTiny
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from core.jobs import Stage
from worker.engine.calls import Call, digest
from worker.engine.fibers import Fiber
from worker.pipelines.components import is_hookable, modules_of
from worker.pipelines.network import PARKS

FORWARDS: Final = (
    ("text_encoder", Stage.ENCODE),
    ("image_encoder", Stage.ENCODE),
    ("unet", Stage.DENOISE),
    ("transformer", Stage.DENOISE),
    ("controlnet", Stage.DENOISE),
    (PARKS, Stage.TRANSFORM),
)
"""Components whose `forward` is hooked, by the start of their name."""

NUMBERS: Final = itertools.count(1)
"""Of hooked functions: adapters come and go, and the id of one that left may be another's later."""

PREPARING: Final = frozenset({"controlnet"})

DETERMINISTIC_VAES: Final = (AutoencoderKL, AutoencoderTiny)
"""They take a generator when they decode and leave it alone; a request's own one would keep its call from merging."""

VAE_METHODS: Final = (("encode", Stage.ENCODE), ("decode", Stage.DECODE))


def hook(pipeline: Any) -> bool:  # noqa: ANN401 - any diffusers pipeline
    """Hook the heavy modules of `pipeline`, once; false if one of them does more than compute when it is called."""
    if not is_hookable(pipeline):
        return False
    modules = modules_of(pipeline)
    for name, module in modules.items():
        hook_forward(name, module)
        if name == "vae":
            for method, stage in VAE_METHODS:
                hook_method(module, method, stage)
    return any(name.startswith(("unet", "transformer", PARKS)) for name in modules)


def hook_forward(name: str, module: torch.nn.Module) -> None:
    """Hook the forward of a component called `name`, once, if it is one of the heavy ones."""
    for prefix, stage in FORWARDS:
        if name.startswith(prefix):
            hook_method(module, "forward", stage, prepares=prefix in PREPARING)


def is_compiled(module: torch.nn.Module) -> bool:
    """Whether torch.compile is on in the module or a part of it, as `compile_repeated_blocks` does."""
    return any(getattr(part, "_compiled_call_impl", None) is not None for part in module.modules())


def hook_method(module: torch.nn.Module, method: str, stage: Stage, *, prepares: bool = False) -> None:
    """Put a parking wrapper in front of `module.method`; outside a fiber it calls straight through.

    `prepares` says that the denoiser's own call waits for it in every step.
    """
    original: Callable[..., Any] = getattr(module, method)
    if hasattr(original, "easel_stage"):
        return
    names = positional_names(original)
    casts = method != "forward"
    number = next(NUMBERS)
    compiled = is_compiled(module)
    reusable = stage is Stage.ENCODE and method == "forward"

    @functools.wraps(original)
    def parked(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the module's own signature
        fiber = greenlet.getcurrent()
        if not isinstance(fiber, Fiber) or fiber.exclusive:
            return original(*args, **kwargs)
        arguments = named_arguments(names, args, kwargs)
        if arguments is None:
            return original(*args, **kwargs)
        if casts:
            cast_first(arguments, module)
            if isinstance(module, DETERMINISTIC_VAES):
                arguments.pop("generator", None)
        if not reusable:
            output = fiber.park(Call(original, arguments, fixed_rows=compiled, prepares=prepares, number=number), stage)
            return seeded(output, fiber.drawing.request.seed) if method == "encode" else output
        key = (number, adapters(module), digest(arguments))
        known = fiber.prompts.get(key)
        return fiber.park(Call(original, arguments, reuse_key=key, number=number), stage) if known is None else known

    parked.easel_stage = stage  # type: ignore[attr-defined]  # marks a hooked method
    setattr(module, method, parked)


def positional_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The parameters that may be given by position; none where one can be given in no other way."""
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is inspect.Parameter.POSITIONAL_ONLY for each in parameters):
        return ()
    return tuple(each.name for each in parameters if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD)


def named_arguments(names: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """The call's arguments by name, so that positional and keyword calls compare equal; None where one has none."""
    named = {**dict(zip(names, args, strict=False)), **kwargs}
    return named if len(named) == len(args) + len(kwargs) else None


def adapters(module: torch.nn.Module) -> Hashable:
    """Each adapter that is on in a part of `module` and how strongly: they change what it computes."""
    if not getattr(module, "peft_config", None):
        return ()
    parts: list[Any] = [part for part in module.modules() if isinstance(getattr(part, "scaling", None), dict)]
    return tuple(
        (name, part.scaling.get(name)) for part in parts if not part.disable_adapters for name in part.active_adapters
    )


def seeded(encoded: Any, seed: int) -> Any:  # noqa: ANN401 - what an autoencoder's encode returns
    """`encoded`, whose samples are those of `seed` where a pipeline draws them from nobody's generator.

    Some do, and a request's picture would be another one every time.
    """
    distribution = encoded[0] if isinstance(encoded, tuple) else getattr(encoded, "latent_dist", None)
    if isinstance(distribution, DiagonalGaussianDistribution):
        draw = distribution.sample

        def sample(generator: torch.Generator | None = None) -> torch.Tensor:
            return draw(generator or torch.Generator("cpu").manual_seed(seed))

        distribution.sample = sample  # type: ignore[method-assign]
    return encoded


def cast_first(arguments: dict[str, Any], module: torch.nn.Module) -> None:
    """Bring latents or pixels into the autoencoder's own dtype, which may be wider than the denoiser's."""
    name, value = next(iter(arguments.items()))
    arguments[name] = value.to(next(module.parameters()).dtype)
