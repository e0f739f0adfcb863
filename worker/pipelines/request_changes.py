"""What a request's parameters change of the calls of its modules: `tiling`, `chaos` and `weird`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from worker.contract import DrawRequest
from worker.pipelines.call_changes import changing
from worker.pipelines.conditioning import Pushed
from worker.pipelines.estimates import LastStep
from worker.pipelines.tiling import Tiled


@dataclass(frozen=True, slots=True)
class RequestChanges:
    """Of one request; None for what it does not ask for."""

    model: str
    pushed: Pushed | None = None
    tiled: Tiled | None = None

    @contextmanager
    def under_way(self, note: Callable[[str], None]) -> Iterator[None]:
        """Around the pipeline's call; `note` is told what came to nothing.

        Raises JobFailure (`tiling_not_possible`).
        """
        changes = [change for change in (self.pushed, self.tiled) if change is not None]
        if not changes:
            yield
            return
        with ExitStack() as stack:
            stack.enter_context(changing(changes))
            if self.tiled is not None:
                stack.enter_context(self.tiled.under_way())
            yield
        if self.pushed is not None and not self.pushed.moved:
            note(f"chaos and weird have no effect: model '{self.model}' is told its words in a form that is not known")


def changes_of(pipeline: Any, request: DrawRequest, last_step: LastStep) -> RequestChanges:  # noqa: ANN401 - any diffusers pipeline
    """Those of `request`, whose steps on its own `pipeline` are counted by `last_step`."""
    told: Any = request.parameters
    pushes = bool(getattr(told, "chaos", 0) or getattr(told, "weird", 0))
    return RequestChanges(
        request.model,
        Pushed(pipeline, request, lambda: last_step.taken) if pushes else None,
        Tiled(pipeline, request, last_step) if getattr(told, "tiling", False) else None,
    )
