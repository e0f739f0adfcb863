"""What a scheduler's step says of the finished latents.

Latents on their way are mostly noise until the last steps. What the model takes the picture to be is there from the
first one: every prediction, of the noise, the velocity or the flow, names the latents that it would end in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import torch


class LastStep:
    """Remembers what a scheduler was last given, and how many steps it has `taken`; costs nothing until it is asked."""

    def __init__(self) -> None:
        self._given: tuple[Any, torch.Tensor, torch.Tensor, torch.Tensor] | None = None
        self.taken = 0

    @contextmanager
    def watching(
        self,
        scheduler: Any,  # noqa: ANN401 - schedulers share no base type
        generator: torch.Generator | None = None,
        stepped: Callable[[int, int, torch.Tensor | None], None] | None = None,
    ) -> Iterator[None]:
        """Follow the steps of `scheduler`, which belongs to one request; afterwards it is as before.

        `stepped` is told of each, its number and how many there are, for pipelines that tell of none.

        Noise that its steps take comes from `generator`, where the pipeline does not hand one over: those of flows
        do not, and the process's own would give every run of a seed another picture.
        """
        step = scheduler.step
        noise = {"generator": generator} if generator is not None and "generator" in parameters_of(step) else {}

        @wraps(step)  # pipelines look at its signature
        def watched(model_output: torch.Tensor, timestep: Any, sample: torch.Tensor, *rest: Any, **more: Any) -> Any:  # noqa: ANN401
            self._given = (scheduler, model_output, timestep, sample)
            made = step(model_output, timestep, sample, *rest, **(noise | more))
            self.taken += 1
            if stepped is not None:
                stepped(self.taken, len(scheduler.timesteps), sample)
            return made

        scheduler.step = watched
        try:
            yield
        finally:
            del scheduler.step
            self._given = None

    def estimate(self) -> torch.Tensor | None:
        """The finished latents as the model foresaw them at the last step, in the shape of the pipeline's own.

        Inpainting puts what the mask keeps back after the step: here it is as the model imagines it.
        """
        return None if self._given is None else foreseen(*self._given)


def parameters_of(step: Callable[..., Any]) -> frozenset[str]:
    """The names of what a scheduler's step takes."""
    return frozenset(inspect.signature(step).parameters)


def foreseen(
    scheduler: Any,  # noqa: ANN401
    output: torch.Tensor,
    timestep: torch.Tensor,
    sample: torch.Tensor,
) -> torch.Tensor:
    """The latents without noise that `output`, the model's prediction for `sample`, stands for.

    Noise is told in three ways: by a level a timestep (DDIM and its kin), by sigma beside the whole signal (Euler as
    Karras et al. 2022, arXiv:2206.00364, have it) and by sigma against the rest of the signal (flow matching).
    """
    found: torch.Tensor
    if kept := getattr(scheduler, "model_outputs", None):  # multistep solvers keep just this
        found = kept[-1]
        return (
            found if scheduler.config.get("algorithm_type") != "deis" else without(found, scheduler, timestep, sample)
        )
    output, sample = output.float(), sample.float()  # the square of the largest sigmas is beyond half precision
    prediction = scheduler.config.get("prediction_type")
    if not hasattr(scheduler, "sigmas"):
        power = scheduler.alphas_cumprod[int(timestep)].to(sample)
        signal, noise = power.sqrt(), (1 - power).sqrt()
    else:
        place = (scheduler.timesteps == timestep).nonzero()[0, 0]
        levels = scheduler.sigmas
        if hasattr(scheduler, "sigmas_interpol") and int(place) % 2:  # halfway through a step
            levels = scheduler.sigmas_interpol
            place = place - 1 if hasattr(scheduler, "sigmas_down") else place
        sigma: torch.Tensor = levels[place].to(sample)
        if not hasattr(scheduler, "alphas_cumprod"):  # flow matching
            return sample - sigma * output
        signal, noise = 1 / (1 + sigma**2).sqrt(), sigma / (1 + sigma**2).sqrt()
        sample = sample * signal
    if prediction == "v_prediction":
        found = signal * sample - noise * output
    elif prediction == "epsilon":
        found = (sample - noise * output) / signal.clamp(min=1e-4)
    else:
        found = output
    return found


def without(noise: torch.Tensor, scheduler: Any, timestep: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:  # noqa: ANN401
    """`sample` without the `noise` that DEIS keeps of the model's prediction."""
    sigma = scheduler.sigmas[(scheduler.timesteps == timestep).nonzero()[0, 0]].to(sample.float())
    signal = 1 / (1 + sigma**2).sqrt()
    found: torch.Tensor = (sample.float() - sigma * signal * noise.float()) / signal
    return found
