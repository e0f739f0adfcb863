"""Hires fix: what its second pass is asked for, and by which jobs the first pass's pictures come to be as large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from app.http.validation import named_as
from app.jobs.request import JobRequest, resolve
from app.jobs.sources import EarlierOutput, InlineFile, OpenedFile, OpenFiles
from app.wires.a1111.fields import WEAKEST
from app.wires.a1111.hires_fields import HiresTextToImage, SecondPass
from app.wires.a1111.translation import model_of, request_of
from app.wires.a1111.upscalers import LANCZOS, LATENT_MODES, NONE, scales_to, upscaler_named, upscaling
from core.catalog.catalog import Catalog
from core.catalog.model import Model, SizeGrid
from core.errors import InvalidRequest
from core.tasks import task_named
from core.tasks.diffusion import MAX_PIXELS_A_SIDE
from core.tasks.upscale import enlarged

AT_ONCE: Final = task_named("image-to-image")
TILE_BY_TILE: Final = task_named("creative-upscale")

SECOND_NAMES: Final = {
    "num_inference_steps": "hr_second_pass_steps",
    "guidance_scale": "hr_cfg",
    "scheduler": "hr_sampler_name",
    "sampler_name": "hr_sampler_name",
    "noise_schedule": "hr_scheduler",
    "strength": "denoising_strength",
    "n": "hr_scale",
}
"""What our fields of the second pass are called on this wire."""


@dataclass(frozen=True, slots=True)
class HiresFix:
    """How the pictures of `body` become as large as it says: drawn in size `first`, enlarged by `scales`, one after the
    other, and where they `draw_over`, drawn over by the model `again` in size `target`."""

    body: HiresTextToImage
    catalog: Catalog
    chosen: str
    first: tuple[int, int]
    target: tuple[int, int]
    upscaler: str
    scales: Sequence[tuple[Model, float]]
    again: Model
    draw_over: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, body: HiresTextToImage, catalog: Catalog, chosen: str) -> HiresFix:
        """Raises NotFound or InvalidRequest, naming the field."""
        drawing = model_of(body.checkpoint or chosen, catalog)
        first = drawing.size.fitted(body.width, body.height)
        target, notes = body.target(*first), []
        named, again, row = body.hr_upscaler, drawing, None
        if named in LATENT_MODES:
            if "hr_upscaler" in body.model_fields_set:
                notes.append(f"hr_upscaler '{named}' enlarges latents: {LANCZOS} enlarged the picture instead")
        elif named not in ("", NONE):
            row = upscaler_named(named, "hr_upscaler", catalog)
        if body.denoising_strength > 0:
            other = body.hr_checkpoint_name
            again = model_of(other, catalog) if other and other != "Use same checkpoint" else drawing
            if not AT_ONCE.fits(again):
                raise InvalidRequest(
                    f"enable_hr has pictures drawn over, and model '{again.id}' does no {AT_ONCE.name}: send "
                    "denoising_strength 0 to have them enlarged alone, or name another as hr_checkpoint_name",
                    param="enable_hr",
                )
            target, note = _drawable(target, again.size)
            notes += [f"{note} model '{again.id}' draws"] if note else []
        if max(target) > MAX_PIXELS_A_SIDE:
            raise InvalidRequest(
                f"hr_scale {body.hr_scale:g} makes {target[0]}x{target[1]}, over {MAX_PIXELS_A_SIDE} pixels a side",
                param="hr_scale",
            )
        scales = [(row, scale) for scale in scales_to(row, first, target)] if row else []
        return cls(
            body=body,
            catalog=catalog,
            chosen=chosen,
            first=first,
            target=target,
            upscaler=row.id if row else LANCZOS,
            scales=scales,
            again=again,
            draw_over=body.denoising_strength > 0,
            notes=tuple(notes),
        )

    @property
    def passes(self) -> int:
        """How many jobs a picture takes after the first pass."""
        return len(self.scales) + self.draw_over

    @property
    def by_tiles(self) -> bool:
        """Whether the pictures are larger than the model draws at once."""
        return self.draw_over and not _takes(self.again.size, self.target)

    def check(self, opening: OpenFiles) -> None:
        """Raise InvalidRequest for what a later pass would be refused for, before the first begins."""
        size = self.first
        with named_as(SECOND_NAMES):
            for row, scale in self.scales:
                resolve(upscaling(row, scale, opening.foreseen(*size)), self.catalog)
                size = enlarged(*size, scale)
            if self.draw_over:
                resolve(self._over(self._second(opening), opening.foreseen(*self.target), 0), self.catalog)

    def over(self, opening: OpenFiles, pictures: Sequence[EarlierOutput], seeds: Sequence[int]) -> list[JobRequest]:
        """Each of the pictures drawn over in its size in the end, by the seed that it was drawn with."""
        told = self._second(opening)
        opened = [self._sized(opening, opening.open(each, "image")) for each in pictures]
        return [self._over(told, each, seed) for each, seed in zip(opened, seeds, strict=True)]

    def sized(self, opening: OpenFiles, picture: EarlierOutput) -> bytes:
        """The file of a picture that is only enlarged."""
        return opening.open(picture, "image").as_png("RGB", self.target)

    def _sized(self, opening: OpenFiles, picture: OpenedFile) -> OpenedFile:
        """A picture that is drawn over at once is brought to its size anyway."""
        if not self.by_tiles or (picture.picture.width, picture.picture.height) == self.target:
            return picture
        large = opening.open(InlineFile(picture.as_png("RGB", self.target)), "image")
        return replace(large, parent=picture.parent)

    def _second(self, opening: OpenFiles) -> JobRequest:
        """What all pictures of the second pass are told: as the first, where the call says nothing else."""
        body = self.body
        steps = body.hr_second_pass_steps or body.steps or self.again.num_inference_steps
        said = body.model_dump(include=set(SecondPass.model_fields))
        said |= {
            "prompt": body.hr_prompt or body.prompt,
            "negative_prompt": body.hr_negative_prompt or body.negative_prompt,
            "sampler_name": body.hr_sampler_name or body.sampler_name or body.sampler_index,
            "scheduler": body.hr_scheduler or body.scheduler,
            "cfg_scale": body.cfg_scale if body.hr_cfg is None else body.hr_cfg,
            # These clients count the steps that are done, and we those of the whole denoising.
            "steps": min(self.again.max_steps, math.ceil(steps / max(WEAKEST, body.denoising_strength))),
            "batch_size": 1,
            "n_iter": 1,
            "override_settings": {"sd_model_checkpoint": self.again.id},
        }
        return request_of(SecondPass.model_validate(said), self.catalog, self.chosen, opening)

    def _over(self, told: JobRequest, picture: OpenedFile, seed: int) -> JobRequest:
        width, height = self.target
        parameters: dict[str, Any] = {**told.parameters, "strength": max(WEAKEST, self.body.denoising_strength)}
        guides, notes = told.guides, told.notes
        if self.by_tiles:
            grid = self.again.size
            width, height = _tile(width, grid.width, grid), _tile(height, grid.height, grid)
            parameters |= {"scale": 1.0, "tiling": None}
            if guides:
                notes, guides = (*notes, "ControlNet guided the first pass alone"), ()
        return replace(
            told,
            task=TILE_BY_TILE.name if self.by_tiles else AT_ONCE.name,
            parameters={**parameters, "width": width, "height": height},
            inputs={"image": [picture]},
            guides=guides,
            seed=seed,
            notes=notes,
        )


def _drawable(target: tuple[int, int], grid: SizeGrid) -> tuple[tuple[int, int], str]:
    """The size on the grid, where it is near; any other is drawn tile by tile. And what to say of it."""
    near = grid.nearest(target[0]), grid.nearest(target[1])
    if near == target:
        return target, ""
    if all(abs(at - wanted) < grid.multiple for at, wanted in zip(near, target, strict=True)):
        return near, f"{target[0]}x{target[1]} became {near[0]}x{near[1]}, the nearest that"
    return target, f"{target[0]}x{target[1]} was drawn over tile by tile, since it is larger than"


def _takes(grid: SizeGrid, size: tuple[int, int]) -> bool:
    return (grid.nearest(size[0]), grid.nearest(size[1])) == size


def _tile(side: int, usual: int, grid: SizeGrid) -> int:
    """The side of a tile: as the model draws best, but no longer than the picture's."""
    return min(usual, side) // grid.multiple * grid.multiple
