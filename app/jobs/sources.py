"""Jobs that start from pictures: the pictures are stored before the job is submitted. Knows no wire and no pixels."""

from __future__ import annotations

from collections.abc import Mapping

from core.jobs import Job
from core.results import Input, ResultStore, input_key
from core.store import JobStore, NewJob


def submit(jobs: JobStore, results: ResultStore, new: NewJob, inputs: Mapping[Input, bytes]) -> Job:
    """The pictures first, so that no worker looks for them in vain; if no job comes of it, they go again.

    By the keeper, if this process dies in between.
    """
    needed = False
    if inputs:
        jobs.expect(new.id)
    try:
        for name, content in inputs.items():
            results.put(input_key(new.id, name), content)
        submitted = jobs.submit(new)
        needed = not submitted.replayed
    finally:
        if inputs and not needed:
            results.delete_prefix(f"{new.id}/")
    return submitted.job
