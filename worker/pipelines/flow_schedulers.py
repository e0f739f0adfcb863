"""Solvers made for noise levels, on the sigmas of a flow, so that any flow-matching pipeline can be drawn with them.

A flow's sample is `(1 - sigma) * picture + sigma * noise`. Which sigmas a model takes, with its shift, fixed or by
the picture's size (`mu`), is what FlowMatchEulerDiscreteScheduler knows; here it is asked for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    DPMSolverSinglestepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)

BELOW_ONE: Final = 1e-4
"""How far a solver that works with logarithms of the signal stays from where there is none of it."""

SIGMA_SETTINGS: Final = frozenset(inspect.signature(FlowMatchEulerDiscreteScheduler.__init__).parameters) - {"self"}


class FlowSigmas:
    """What a solver needs to step along a flow; `flow` says which sigmas."""

    flow: Any

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,  # noqa: ANN401
        sigmas: Any = None,  # noqa: ANN401
        mu: float | None = None,
    ) -> None:
        """As FlowMatchEulerDiscreteScheduler takes them."""
        self.flow.set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu)
        self._start(len(self.flow.timesteps), mu)
        self.timesteps = self.flow.timesteps
        self.sigmas = self.flow.sigmas.cpu().clamp(max=1 - BELOW_ONE)

    def _start(self, steps: int, mu: float | None) -> None:
        super().set_timesteps(steps)  # type: ignore[misc]

    def _sigma_to_alpha_sigma_t(self, sigma: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return 1 - sigma, sigma

    def scale_noise(self, sample: torch.Tensor, timestep: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """`sample` with as much of `noise` as there is at `timestep`, as pipelines of flows ask for it."""
        noised: torch.Tensor = self.add_noise(sample, noise, timestep)  # type: ignore[attr-defined]
        return noised


class FlowMultistep(FlowSigmas, DPMSolverMultistepScheduler):
    """DPM-Solver++ in several steps."""


class FlowSinglestep(FlowSigmas, DPMSolverSinglestepScheduler):
    """DPM-Solver++ in single steps."""


class FlowUniPC(FlowSigmas, UniPCMultistepScheduler):
    """UniPC."""

    def _start(self, steps: int, mu: float | None) -> None:
        UniPCMultistepScheduler.set_timesteps(self, steps, mu=mu)


class FlowHeun(FlowSigmas, FlowMatchHeunDiscreteScheduler):
    """Heun, whose stock class has a fixed shift only: two calls of the model a step, but for the last."""

    scale_noise = FlowMatchHeunDiscreteScheduler.scale_noise

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: Any = None,  # noqa: ANN401
        sigmas: Any = None,  # noqa: ANN401
        mu: float | None = None,
    ) -> None:
        """As FlowMatchEulerDiscreteScheduler takes them, each but the first and the last one twice."""
        self.flow.set_timesteps(num_inference_steps, device=device, sigmas=sigmas, mu=mu)
        self._start(len(self.flow.timesteps), mu)
        levels = self.flow.sigmas.cpu()
        self.timesteps = twice(self.flow.timesteps)
        self.sigmas = torch.cat([twice(levels[:-1]), levels[-1:]])


def twice(values: torch.Tensor) -> torch.Tensor:
    """Each but the first two times, one after the other."""
    return torch.cat([values[:1], values[1:].repeat_interleave(2)])


def flow_solver(kind: Any, settings: Mapping[str, Any]) -> Any:  # noqa: ANN401 - schedulers share no base type
    """A solver of `kind`, one of this module's, with `settings` of its own and of the sigmas."""
    ours = {name: value for name, value in settings.items() if name in SIGMA_SETTINGS}
    known = frozenset(inspect.signature(kind.__init__).parameters) - SIGMA_SETTINGS
    solver = kind(**{name: value for name, value in settings.items() if name in known})
    stock: Any = FlowMatchEulerDiscreteScheduler
    solver.flow = stock(**ours)
    solver.register_to_config(**{**solver.flow.config})  # pipelines look there for how to shift
    return solver
