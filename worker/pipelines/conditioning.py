"""Pushes what a request's words say to the denoiser: each picture its own way (chaos), or all of a job one way (weird).

As in Sadat et al. 2023 (CADS, arXiv:2310.17347, section 3): noise is added to the states of the text, and they are
brought back to the mean and the deviation that they had. Here it is one direction for all tokens of a text, since
noise that differs from token to token is averaged away by attention, and the same at every step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import torch

from core.tasks.diffusion import MOST_CHAOS, MOST_WEIRD
from worker.contract import DrawRequest
from worker.pipelines.call_changes import Change

FARTHEST: Final = 2.5
"""How far the most of either pushes, in deviations of the states: by measure with the bundled model."""

SEQUENCES: Final = "encoder_hidden_states"
"""How the names begin that denoisers have for the words that they are told, a vector a token;"""

OTHERS: Final = frozenset(
    {
        "cap_feats",
        "context",
        "text_bth",
        "pooled_projections",
        "text_embeds",
        "image_embeds",
        "clip_text_pooled",
        "clip_text",
    }
)
"""and further ones, for tokens or for all of the words at once."""

NESTED: Final = "added_cond_kwargs"

LEAST: Final = 1e-6
"""Of a deviation: words may be all zeros."""

PROMPT_FIRST: Final = ("ZImage", "StableDiffusionInstructPix2Pix", "StableDiffusionXLInstructPix2Pix")
"""How the names of pipelines begin that put the rows with the prompt before those without it."""


@dataclass(eq=False)
class Pushed(Change):
    """Of one request of `pipeline`. `steps_taken` says how many steps lie behind it.

    Rows without the prompt stay as they are; where a step calls its denoiser twice, the second call is theirs.
    """

    pipeline: Any
    request: DrawRequest
    steps_taken: Callable[[], int]
    moved: bool = False
    _directions: dict[tuple[Any, ...], torch.Tensor] = field(default_factory=dict)
    _called: dict[torch.nn.Module, int] = field(default_factory=dict)

    def asked(self, name: str, module: torch.nn.Module, arguments: dict[str, Any]) -> dict[str, Any]:
        if not name.startswith("controlnet") and self._is_second(module):
            return arguments
        changed = {key: self._pushed(key, value) for key, value in arguments.items() if is_of_words(key)}
        nested = arguments.get(NESTED)
        if isinstance(nested, dict):
            inner = {key: self._pushed(key, value) for key, value in nested.items() if is_of_words(key)}
            changed[NESTED] = {**nested, **inner}
        return {**arguments, **changed}

    def _is_second(self, module: torch.nn.Module) -> bool:
        """Whether `module` was called before in the step under way."""
        before, now = self._called.get(module), self.steps_taken()
        self._called[module] = now
        return before == now

    def _pushed(self, name: str, states: Any) -> Any:  # noqa: ANN401 - as the denoiser takes them
        if isinstance(states, list | tuple) and states:
            if all(isinstance(each, torch.Tensor) and each.ndim == 2 for each in states):
                return type(states)(self._rows(name, [*states]))
            return type(states)(self._pushed(name, each) for each in states)
        if isinstance(states, torch.Tensor) and states.is_floating_point() and states.ndim > 1:
            return torch.stack(self._rows(name, [*states]))
        return states

    def _rows(self, name: str, rows: list[torch.Tensor]) -> list[torch.Tensor]:
        """`rows`, each [tokens, channels] or [channels], those with the prompt pushed."""
        self.moved = True
        prompted = rows[0 if type(self.pipeline).__name__.startswith(PROMPT_FIRST) else -1]
        # Of three or more, those for perturbed attention say the same as the one with the prompt.
        same = [row is prompted or (len(rows) > 2 and torch.equal(row, prompted)) for row in rows]
        return [self._row(name, row) if pushes else row for row, pushes in zip(rows, same, strict=True)]

    def _row(self, name: str, states: torch.Tensor) -> torch.Tensor:
        wide = states.float()
        spread, mean = wide.std(), wide.mean()
        far = wide + spread * self._direction(name, states)
        return ((far - far.mean()) / far.std().clamp(min=LEAST) * spread + mean).to(states.dtype)

    def _direction(self, name: str, states: torch.Tensor) -> torch.Tensor:
        """[channels], the same at every step: by the seed, and by the prompt."""
        key = (name, states.shape[-1])
        if key not in self._directions:
            told: Any = self.request.parameters
            chaos = noise(key, self.request.seed) * (told.chaos / MOST_CHAOS) ** 0.5
            weird = noise(key, self.request.model, told.prompt) * (told.weird / MOST_WEIRD) ** 0.5
            self._directions[key] = (FARTHEST * (chaos + weird)).to(states.device)
        return self._directions[key]


def is_of_words(name: str) -> bool:
    """Whether the argument `name` holds words."""
    return name in OTHERS or (name.startswith(SEQUENCES) and "mask" not in name)


def noise(key: tuple[Any, ...], *about: object) -> torch.Tensor:
    """Standard normal numbers, as many as the last of `key` says, that depend on nothing but what is told."""
    seed = int.from_bytes(hashlib.sha256(repr((key, about)).encode()).digest()[:7], "big")
    return torch.randn(key[-1], generator=torch.Generator("cpu").manual_seed(seed))
