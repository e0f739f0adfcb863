"""Runs a group of parked calls as one forward and answers each strand. Knows nothing of turns or requests."""

from __future__ import annotations

from collections.abc import Sequence

from worker.engine.calls import merge, split
from worker.engine.strands import Strand


def run_together(group: Sequence[Strand]) -> None:
    calls = [strand.call for strand in group]
    try:
        if len(calls) == 1:
            outputs = [calls[0].run()]
        else:
            outputs = split(merge(calls).run(), [call.rows for call in calls])
    except Exception as error:
        for strand in group:
            strand.fail(error)
        return
    for strand, output in zip(group, outputs, strict=True):
        strand.resume(output)
