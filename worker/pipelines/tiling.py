"""Pictures whose copies, laid side by side, join without a seam: drawn as if the canvas were a torus.

Convolutions continue each edge with the opposite one (`row_padding`). Transformers, which have none but know places by
number, see the latents rolled by another offset at every step, so that no place is always at an edge. Both only once
the composition stands: from the start, models that learned where things are by the edges lose them (measured with the
bundled one). Autoencoders are given some cells more on every side, continued round, and their results are cropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch.utils import _pytree as pytree

from core.errors import JobFailure
from worker.contract import DrawRequest
from worker.pipelines.call_changes import DENOISING, Change
from worker.pipelines.components import modules_of
from worker.pipelines.estimates import LastStep
from worker.pipelines.row_padding import wrapping

START: Final = 0.5
"""The share of the steps before which the canvas has edges."""

MARGIN_CELLS: Final = 8
"""What autoencoders are given beside the latents: as far as they look."""

ROLLED: Final = ("hidden_states", "controlnet_cond", "x", "sample")
"""Arguments of transformers, and of nets beside them, that lie on the grid of the latents."""

MEASURES: Final = ("parameters", "mean", "logvar", "std", "var")


@dataclass(eq=False)
class Tiled(Change):
    """Of one request of `pipeline`, whose steps `last_step` counts."""

    pipeline: Any
    request: DrawRequest
    last_step: LastStep
    drawn: int = 0
    decodes: int = 0
    _offsets: dict[int, tuple[int, int]] = field(default_factory=dict)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Around the pipeline's call. Raises JobFailure (`tiling_not_possible`) if it turns out not to tile."""
        with wrapping(denoising(self.pipeline), self.wraps):
            yield
        if not self.drawn or not self.decodes:
            raise self._impossible("it denoises or decodes by modules of its own")

    def wraps(self) -> bool:
        """Whether the step under way is one of those that see no edges."""
        steps = len(self.pipeline.scheduler.timesteps)
        left_out = steps - getattr(self.pipeline, "num_timesteps", steps)  # of a picture that is drawn over
        return left_out + self.last_step.taken >= math.floor(START * steps)

    def asked(self, name: str, module: torch.nn.Module, arguments: dict[str, Any]) -> dict[str, Any]:
        if not self.wraps():
            return arguments
        if not name.startswith("controlnet"):
            self.drawn += 1
        if not is_transformer(module):
            return arguments
        moved = {key: self._rolled(module, arguments[key], 1) for key in ROLLED if arguments.get(key) is not None}
        if not moved:
            raise self._impossible("what its latents are called is not known")
        return {**arguments, **moved}

    def answered(self, name: str, module: torch.nn.Module, output: Any) -> Any:  # noqa: ANN401 - the module's own
        if name.startswith("controlnet") or not self.wraps() or not is_transformer(module):
            return output
        return pytree.tree_map(lambda leaf: self._rolled(module, leaf, -1), output)

    def _rolled(self, module: torch.nn.Module, latents: Any, sign: int) -> Any:  # noqa: ANN401
        """`latents`, a tensor or a list of some, moved by the step's offset, or back."""
        if isinstance(latents, list):
            return [self._rolled(module, each, sign) for each in latents]
        if not isinstance(latents, torch.Tensor) or latents.ndim < 3:
            return latents
        down, right = (sign * cells for cells in self._offset())
        told: Any = self.request.parameters
        if latents.ndim == 3:
            high, wide = self._packed_grid(latents.shape[1])
            rows, channels = len(latents), latents.shape[-1]
            grid = latents[:, : high * wide].reshape(rows, high, wide, channels)
            moved = torch.roll(grid, (down, right), (1, 2)).reshape(rows, high * wide, channels)
            return torch.cat([moved, latents[:, high * wide :]], dim=1)
        high, wide = latents.shape[-2:]
        if high * told.width != wide * told.height:
            raise self._impossible("the grid of its latents is not known")
        patch = patch_of(module)
        return torch.roll(latents, (down * patch, right * patch), (-2, -1))

    def _packed_grid(self, tokens: int) -> tuple[int, int]:
        """Rows and columns of latents that travel as so many tokens, with those of other pictures behind them."""
        told: Any = self.request.parameters
        cell = getattr(self.pipeline, "vae_scale_factor", 8)
        grids = [(told.height // (cell * patch), told.width // (cell * patch)) for patch in (1, 2)]
        found = next((grid for grid in grids if grid[0] * grid[1] == tokens), grids[1])
        if found[0] * found[1] > tokens:
            raise self._impossible("the grid of its latents is not known")
        return found

    def _offset(self) -> tuple[int, int]:
        """Patches down and to the right, by the seed and the step."""
        step = self.last_step.taken
        if step not in self._offsets:
            generator = torch.Generator("cpu").manual_seed((self.request.seed * 1009 + step) % 2**63)
            down, right = torch.randint(0, 1 << 16, (2,), generator=generator).tolist()
            self._offsets[step] = (down, right)
        return self._offsets[step]

    def encoded(self, encode: Callable[[torch.Tensor], Any], pixels: torch.Tensor) -> Any:  # noqa: ANN401
        cell = getattr(self.pipeline, "vae_scale_factor", None)
        if cell is None or pixels.ndim < 4 or any(side % cell for side in pixels.shape[-2:]):
            return encode(pixels)
        cells = margin_of(side // cell for side in pixels.shape[-2:])
        return cropped(encode(continued(pixels, cells * cell)), cells)

    def decoded(self, decode: Callable[[torch.Tensor], Any], latents: torch.Tensor) -> Any:  # noqa: ANN401
        if latents.ndim < 4:
            raise self._impossible("its autoencoder takes latents in another form")
        self.decodes += 1
        cells = margin_of(latents.shape[-2:])
        around = continued(latents, cells)
        output = decode(around)

        def cut(leaf: Any) -> Any:  # noqa: ANN401 - a leaf of the output
            if not isinstance(leaf, torch.Tensor) or leaf.ndim < 4:
                return leaf
            return inside(leaf, cells * (leaf.shape[-1] // around.shape[-1]))

        return pytree.tree_map(cut, output)

    def _impossible(self, why: str) -> JobFailure:
        return JobFailure(f"tiling true: model '{self.request.model}' cannot tile: {why}", code="tiling_not_possible")


def denoising(pipeline: Any) -> list[torch.nn.Module]:  # noqa: ANN401 - any diffusers pipeline
    """Its denoisers, and the nets beside them, of several each."""
    found = [module for name, module in modules_of(pipeline).items() if name.startswith(DENOISING)]
    return [net for module in found for net in getattr(module, "nets", [module])]


def is_transformer(module: torch.nn.Module) -> bool:
    """Whether it takes pictures apart into tokens, as all do that are no U-Net and no encoder of one."""
    return "Transformer" in type(module).__name__ or hasattr(module, "transformer_blocks")


def patch_of(module: Any) -> int:  # noqa: ANN401
    """Cells of the latents a side of a token."""
    told = getattr(module.config, "patch_size", None) or 1
    return int(told[-1] if isinstance(told, list | tuple) else told)


def margin_of(sides: Iterable[int]) -> int:
    """Cells that a picture of such sides is continued by."""
    return min(MARGIN_CELLS, *sides)


def continued(tensor: torch.Tensor, margin: int) -> torch.Tensor:
    """`tensor` [..., height, width] with `margin` more on every side, from the opposite one."""
    for axis in (-2, -1):
        side = tensor.shape[axis]
        parts = (tensor.narrow(axis, side - margin, margin), tensor, tensor.narrow(axis, 0, margin))
        tensor = torch.cat(parts, dim=axis)
    return tensor


def inside(tensor: torch.Tensor, margin: int) -> torch.Tensor:
    """What `continued` was given."""
    return tensor[..., margin : tensor.shape[-2] - margin, margin : tensor.shape[-1] - margin]


def cropped(encoded: Any, cells: int) -> Any:  # noqa: ANN401 - what an autoencoder's encode returns
    """`encoded` without the margin; a distribution is cut where it lies, since its samples may be somebody's own."""

    def cut(leaf: Any) -> Any:  # noqa: ANN401
        if isinstance(leaf, DiagonalGaussianDistribution):
            for name in MEASURES:
                setattr(leaf, name, inside(getattr(leaf, name), cells))
            return leaf
        return inside(leaf, cells) if isinstance(leaf, torch.Tensor) and leaf.ndim >= 4 else leaf

    return pytree.tree_map(cut, encoded)
