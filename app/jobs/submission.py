"""The one way in for jobs: files are stored, then the job is submitted; if none comes of it, they go again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from app.jobs.guides import ChosenGuide
from app.jobs.request import JobRequest, Resolved, resolve
from app.jobs.sources import OpenedFile
from app.jobs.wildcards import with_choices
from app.media.conversion import NOT_PREPARED
from core import tracing
from core.catalog.catalog import Catalog
from core.jobs import GenerationRequest, new_job_id
from core.media import IMAGE, Facts, Input
from core.results import ResultStore, input_key
from core.store import JobStore, NewJob, Submitted
from core.store.lineage import Lineage
from core.tasks import GUIDES, Role

PNG: Final = IMAGE.formats[0]
"""What the process that reads pictures writes."""


MOST_SIDE: Final = 1536
"""Pixels of the longer side of a picture to go by: models read a megapixel of it at most."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job to submit, with the files to store for it, by their keys."""

    new: NewJob
    files: Mapping[str, bytes]


class Submissions:
    """Every wire submits here. The calls block: on Redis, on the result store, on the process that reads pictures."""

    def __init__(self, catalog: Callable[[], Catalog], jobs: JobStore, results: ResultStore, lineage: Lineage) -> None:
        self._catalog = catalog
        self._jobs = jobs
        self._results = results
        self._lineage = lineage

    def prepare(self, wanted: JobRequest, owner: str, idempotency_key: str | None = None) -> Prepared:
        """The job of `wanted`, with every default filled in. Raises NotFound or InvalidRequest, naming the field."""
        wanted = with_choices(wanted, self._catalog())
        resolved = resolve(wanted, self._catalog())
        job_id = new_job_id()
        inputs, files = _inputs(job_id, wanted, resolved)
        new = NewJob(
            id=job_id,
            owner=owner,
            queue=resolved.model.queue,
            request=GenerationRequest(
                task=resolved.task.name,
                model=resolved.model.id,
                parameters=resolved.parameters,
                inputs=inputs,
                adapters=resolved.adapters,
                seeds=resolved.seeds,
                output=resolved.output,
                origin=wanted.origin,
            ),
            priority=wanted.priority,
            expires_in=wanted.expires_in,
            metadata=wanted.metadata,
            notes=wanted.notes,
            webhook_url=wanted.webhook,
            store=wanted.store,
            traceparent=tracing.current(),
            idempotency_key=idempotency_key,
            fingerprint=wanted.fingerprint,
        )
        return Prepared(new, files)

    def submit(self, prepared: Prepared) -> Submitted:
        """The files first, so that no worker looks for them in vain; if no job comes of it, they go again.

        By the keeper, if this process dies in between.
        """
        new, needed = prepared.new, False
        try:
            self.store(prepared)
            submitted = self._jobs.submit(new)
            needed = not submitted.replayed
            if needed:
                self.note_parents(new)
        finally:
            if not needed:
                self.discard(new)
        return submitted

    def check(self, wanted: JobRequest) -> None:
        """Raise what `prepare` would, without reading its files."""
        resolve(with_choices(wanted, self._catalog()), self._catalog())

    def store(self, prepared: Prepared) -> None:
        """Write the files of a job that is about to be submitted."""
        if prepared.files:
            self._jobs.expect(prepared.new.id)
        for key, content in prepared.files.items():
            self._results.put(key, content)

    def discard(self, new: NewJob) -> None:
        """Remove the files of a job that was not accepted after all."""
        if new.request.inputs:
            self._results.delete_prefix(f"{new.id}/")

    def note_parents(self, new: NewJob) -> None:
        """Write down what an accepted job started from."""
        if new.request.parents:
            self._lineage.note({parent.generation for parent in new.request.parents}, new.id)


def bounded(facts: Facts) -> tuple[int, int]:
    """The size that a picture is kept in where no other is wanted: its own, but no larger than any model looks at."""
    width, height = int(facts["width"]), int(facts["height"])
    scale = min(1.0, MOST_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _inputs(job_id: str, wanted: JobRequest, resolved: Resolved) -> tuple[tuple[Input, ...], dict[str, bytes]]:
    """The files as the task takes them: at its size, in the mode of their role; those that guide it behind them."""
    records: list[Input] = []
    files: dict[str, bytes] = {}

    def add(role: Role, index: int, opened: OpenedFile, chosen: ChosenGuide | None = None) -> None:
        size = bounded(opened.facts) if role.as_given else resolved.parameters.input_size
        key = input_key(job_id, role.name, index, PNG.extension)
        files[key] = opened.as_png(role.mode, size, chosen.prepared if chosen else NOT_PREPARED)
        records.append(
            Input(
                role=role.name,
                index=index,
                key=key,
                medium=PNG.media_type,
                size_bytes=len(files[key]),
                facts={"width": size[0], "height": size[1]} if size else opened.facts,
                parent=opened.parent,
                guide=chosen.guide if chosen else None,
            )
        )

    for role in resolved.task.roles:
        for index, opened in enumerate(wanted.inputs.get(role.name, ())):
            add(role, index, opened)
    for role in GUIDES:
        for index, chosen in enumerate(each for each in resolved.guides if each.role == role.name):
            add(role, index, chosen.opened, chosen)
    return tuple(records), files
