"""Whether a model can be drawn with now, as the living workers say, and if not, why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.catalog.model import Model
from core.store.workers import WorkerInfo


class State(StrEnum):
    """`available`: not loaded yet, but its files are there. `failed`: no worker could load it. `offline`: no worker."""

    READY = "ready"
    LOADING = "loading"
    AVAILABLE = "available"
    FAILED = "failed"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class ModelState:
    """`message` may be told to everybody, `reason` to the owner of the machine: it may name paths.

    `backend` is what computes a model that is ready, and what of it is left to torch and why.
    """

    state: State
    message: str | None = None
    reason: str | None = None
    backend: str | None = None

    @property
    def can_be_drawn(self) -> bool:
        """Whether a job for it would be drawn."""
        return self.state not in (State.FAILED, State.OFFLINE)


def state_of_model(model: Model, workers: Sequence[WorkerInfo]) -> ModelState:
    """The best that any of the living `workers` says of it."""
    serving = [worker for worker in workers if model.id in worker.models]
    if not serving:
        why = f"no living worker serves the queue '{model.queue}' of model '{model.id}'"
        return ModelState(State.OFFLINE, why, why)
    loaded = [worker for worker in serving if model.id in worker.loaded]
    if loaded:
        return ModelState(State.READY, backend=loaded[0].backends.get(model.id))
    if any(model.id == worker.loading for worker in serving):
        return ModelState(State.LOADING)
    failures = [worker.failed[model.id] for worker in serving if model.id in worker.failed]
    if len(failures) < len(serving):
        return ModelState(State.AVAILABLE)
    return ModelState(State.FAILED, failures[0].message, failures[0].reason)
