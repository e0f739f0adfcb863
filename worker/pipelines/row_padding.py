"""Convolutions that, for some rows of a forward and not others, continue a picture at one edge with the opposite one.

A convolution fills what lies beyond the edge with zeros, and so the edges of a picture look unlike its inside.
Continued round (a torus), copies of it join. Which rows want that comes with the call, as one more argument that has a
row each, and is merged as the others are.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from torch.nn import functional

from worker.pipelines.components import is_hookable, modules_of
from worker.pipelines.row_guides import rows_of

WRAPPED_ROWS: Final = "wrapped_rows"
"""The argument [rows] beside a module's own: whether each is continued round."""

DENOISERS: Final = ("unet", "transformer")
"""How the names of components begin whose convolutions may be told apart by row, as those of control nets are."""

WRAPS: Final[ContextVar[Callable[[], bool]]] = ContextVar("whether the request that runs wraps now", default=bool)
"""Every fiber of the engine has a context of its own."""


@dataclass(eq=False)
class RowPadding:
    """Of one module: the rows of the forward that runs, and how many requests under way may want theirs wrapped."""

    rows: tuple[bool, ...] = ()
    users: int = 0
    covered: set[torch.nn.Module] = field(default_factory=set)


def let_denoisers_wrap(pipeline: Any) -> None:  # noqa: ANN401 - any diffusers pipeline
    """Let the denoisers of `pipeline` take rows that are wrapped."""
    alone = not is_hookable(pipeline)
    for name, module in modules_of(pipeline).items():
        if name.startswith(DENOISERS):
            let_rows_wrap(module, alone=alone)


def let_rows_wrap(module: torch.nn.Module, *, alone: bool = False) -> None:
    """Let calls of `module`, once, say which of their rows are wrapped, and its forward heed it.

    To be called before its calls park. One that is called `alone`, for one request at a time, has nothing to pass on.
    """
    if padding_of(module) is not None:
        return
    padding = RowPadding()
    module.easel_padding = padding  # type: ignore[assignment]  # by which the module's graphs know it too
    graphs = bool(getattr(module.forward, "answers_from_graphs", False))

    def before(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:  # noqa: ANN401 - torch's
        if not padding.users:
            return None
        wraps, rows = WRAPS.get()(), rows_of([*args, *kwargs.values()])
        if alone:
            padding.rows = (wraps,) * rows if wraps else ()
            return None
        if not wraps and graphs:  # which know nothing of rows that are wrapped
            return None
        return args, {**kwargs, WRAPPED_ROWS: torch.full((rows,), wraps)}

    def after(module: torch.nn.Module, args: tuple[Any, ...], output: Any) -> None:  # noqa: ANN401 - torch's
        if alone:
            padding.rows = ()

    module.register_forward_pre_hook(before, with_kwargs=True)
    if alone:
        module.register_forward_hook(after, always_call=True)
    else:
        heed(module, padding)


def heed(module: torch.nn.Module, padding: RowPadding) -> None:
    """Let a forward of `module` take what its calls say of their rows."""
    own: Callable[..., Any] = module.forward

    @functools.wraps(own)
    def forward(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - the module's own signature
        wrapped = kwargs.pop(WRAPPED_ROWS, None)
        padding.rows = () if wrapped is None or not wrapped.any() else tuple(wrapped.tolist())
        try:
            return own(*args, **kwargs)
        finally:
            padding.rows = ()

    forward.__self__ = module  # type: ignore[attr-defined]  # whose forward it is, as of any bound method
    module.forward = forward


def padding_of(module: Any) -> RowPadding | None:  # noqa: ANN401
    """That of a module whose rows may be wrapped."""
    found = getattr(module, "easel_padding", None)
    return found if isinstance(found, RowPadding) else None


@contextmanager
def wrapping(modules: list[torch.nn.Module], wraps: Callable[[], bool]) -> Iterator[None]:
    """Meanwhile, the rows of this fiber's calls of `modules` are wrapped whenever `wraps` says so."""
    paddings = [padding for module in modules if (padding := padding_of(module)) is not None]
    for module in modules:
        cover(module)
    token = WRAPS.set(wraps)
    for padding in paddings:
        padding.users += 1
    try:
        yield
    finally:
        WRAPS.reset(token)
        for padding in paddings:
            padding.users -= 1


def cover(module: torch.nn.Module) -> None:
    """Let every convolution of `module` that fills with zeros, once, wrap the rows that want it."""
    padding = padding_of(module)
    if padding is None:
        return
    for part in module.modules():
        if isinstance(part, torch.nn.Conv2d) and fills(part) and part not in padding.covered:
            padding.covered.add(part)
            part._conv_forward = functools.partial(convolved, part, part._conv_forward, padding)  # type: ignore[method-assign]


def fills(layer: torch.nn.Conv2d) -> bool:
    """Whether it puts zeros round what it is given."""
    return layer.padding_mode == "zeros" and isinstance(layer.padding, tuple) and any(layer.padding)


def convolved(
    layer: torch.nn.Conv2d,
    own: Callable[..., torch.Tensor],
    padding: RowPadding,
    given: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """What `layer` makes of `given` [rows, channels, height, width]."""
    if not padding.rows:
        return own(given, weight, bias)
    around = padded(given, layer.padding, padding.rows)  # type: ignore[arg-type]  # a tuple, as `fills` has found
    return functional.conv2d(around, weight, bias, layer.stride, 0, layer.dilation, layer.groups)


def padded(given: torch.Tensor, cells: tuple[int, int], wrapped: tuple[bool, ...]) -> torch.Tensor:
    """`given` with `cells` more above and below, left and right: round where its row is `wrapped`, else zeros.

    Some modules fold another axis into the rows: then each row of the call has as many here.
    """
    high, wide = cells
    borders = (wide, wide, high, high)
    if all(wrapped):
        return functional.pad(given, borders, mode="circular")
    around = functional.pad(given, borders)
    folded = len(given) // len(wrapped)
    places = [row * folded + inner for row, wraps in enumerate(wrapped) if wraps for inner in range(folded)]
    around[places] = functional.pad(given[places], borders, mode="circular")
    return around
