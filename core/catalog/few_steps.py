"""Tells whether a model draws in few steps: by its configuration, by its LoRAs' names, or by its own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, NamedTuple

from core.catalog.few_step_kinds import (
    BETWEEN,
    COMMON,
    DISTILLED,
    KEEP_GUIDANCE,
    LCM,
    MODELS,
    NAMES,
    ONE_STEP,
    SCHEDULERS,
    SCHNELL,
    SPRINT,
    TOPICS,
    FewSteps,
)
from core.catalog.few_step_names import steps_in, words_of

MOST_STEPS: Final = 8
"""A name that says no more steps than this, and no kind, is that of a distilled model all the same."""


NAMELESS: Final = "few-step"


class Configuration(NamedTuple):
    """What a model's files say of it that tells: classes, and what the index and the denoiser's configuration have."""

    pipeline: str = ""
    family: str = ""
    scheduler: str = ""
    is_distilled: bool | None = None
    guidance_embeds: bool | None = None
    time_cond_proj_dim: int | None = None

    @property
    def takes_guidance_as_input(self) -> bool:
        """Whether the denoiser was trained to be told the guidance: it costs nothing then, and is never left out."""
        return bool(self.guidance_embeds or self.time_cond_proj_dim)


def few_steps(names: Iterable[str], configuration: Configuration, loras: Iterable[str] = ()) -> FewSteps | None:
    """The kind of a model that is called `names`, with LoRAs that are called `loras`; None for one of many steps.

    What is put into a model tells more than the model, and a configuration that says it outright more than a name.
    """
    names, loras = tuple(names), tuple(loras)
    told = kind_among(loras, of_lora=True)
    if told is None:
        told = told_by_configuration(kind_among(names), names, configuration)
    return replace(told, guidance=None) if told is not None and configuration.takes_guidance_as_input else told


def kind_among(names: tuple[str, ...], *, of_lora: bool = False) -> FewSteps | None:
    """The kind that the first of `names` tells that tells one, with what it and the others say beside it.

    Where none tells a kind, but one a small number of steps, it is one that has no name.
    """
    for name in names:
        if (kind := kind_named(name, of_lora=of_lora)) is not None:
            return as_said(kind, (name, *names))
    steps = next((steps for name in names if (steps := steps_in(name)) is not None), None)
    return FewSteps(NAMELESS, steps) if steps is not None and steps <= MOST_STEPS else None


def told_by_configuration(named: FewSteps | None, names: tuple[str, ...], told: Configuration) -> FewSteps | None:
    """What the files say, where they do; else the kind that the name says."""
    if told.is_distilled is not None:
        return (named or DISTILLED) if told.is_distilled else None
    if told.family == "hunyuan-dit" and named is not None and named.kind == DISTILLED.kind:
        return None  # in half the steps of the other, which are many, and guided as it is
    if told.family == "lcm":
        return as_said(replace(LCM, guidance=None), names)
    if named is not None and named.kind != NAMELESS:
        return named
    if told.scheduler in SCHEDULERS:
        return as_said(SCHEDULERS[told.scheduler], names)
    if told.pipeline.startswith("SanaSprint"):
        return as_said(SPRINT, names)
    if told.pipeline.startswith("FluxPipeline") and told.guidance_embeds is False:
        return as_said(SCHNELL, names)
    return named


def kind_named(name: str, *, of_lora: bool = False) -> FewSteps | None:
    """The kind that one name tells; a common word in that of a LoRA only beside a model or a number of steps."""
    words, steps = words_of(name), steps_in(name)
    for pattern, kind in NAMES:
        topics = rf"(?! {TOPICS}\b)" if kind.kind in COMMON else ""
        found = re.search(rf"\b(?:{pattern})\b{topics}", words)
        if found is None or (of_lora and kind.kind in COMMON and steps is None and not beside_a_model(found[0], words)):
            continue
        return kind
    return None


def beside_a_model(found: str, words: str) -> bool:
    """Whether what was `found` in `words` has the name of a model in it, before it or behind it."""
    beside = rf"\b{MODELS}{BETWEEN} {found}\b|\b{found} {MODELS}\b"
    return re.search(rf"\b{MODELS}\b", found) is not None or re.search(beside, words) is not None


def as_said(kind: FewSteps, names: tuple[str, ...]) -> FewSteps:
    """The kind with what its names say beside it: the number of steps, and that it keeps its guidance (`CFG`)."""
    steps = next((steps for name in names if (steps := steps_in(name)) is not None), kind.steps)
    changes: dict[str, Any] = {"steps": steps, **(ONE_STEP.get(kind.kind, {}) if steps == 1 else {})}
    words = {word for name in names for word in words_of(name).split()}
    if kind.kind in KEEP_GUIDANCE and words & {"cfg", "normalcfg"}:
        changes["guidance"] = 3.0 if steps <= 4 else 5.0
    return replace(kind, **changes)
