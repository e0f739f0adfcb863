"""Hires fix from the first pass to the answer: draws small, enlarges, draws over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from anyio import to_thread
from fastapi import Request
from starlette.concurrency import run_in_threadpool

from app.http.validation import named_as
from app.jobs.request import JobRequest
from app.jobs.sources import EarlierOutput, OpenFiles
from app.services import Services
from app.wires.a1111.answers import drawn_large
from app.wires.a1111.hires import SECOND_NAMES, HiresFix
from app.wires.a1111.hires_fields import HiresTextToImage
from app.wires.a1111.listings import chosen
from app.wires.a1111.passes import PassCanceled, Passes
from app.wires.a1111.translation import NAMES, request_of
from app.wires.a1111.upscalers import upscaling
from core.catalog.model import Model
from core.jobs import Job


async def draw_large(body: HiresTextToImage, request: Request, services: Services, owner: str) -> dict[str, Any]:
    """The answer to a call with hires fix; without pictures if it was interrupted.

    Raises ClientDisconnected, and what the jobs of any pass are refused for or fail of.
    """
    with named_as(NAMES):
        fix = await run_in_threadpool(lambda: HiresFix.of(body, services.catalog, chosen(services, owner)))
    count = body.batch_size * body.n_iter
    passes = Passes(request, services, owner, parts=1 + count * fix.passes)
    jobs: list[Job] = []
    try:
        images = await _drawn(fix, passes, services, owner, jobs)
    except PassCanceled as canceled:
        jobs.append(canceled.job)
        images = []
    return await run_in_threadpool(drawn_large, fix, jobs, images)


async def _drawn(fix: HiresFix, passes: Passes, services: Services, owner: str, jobs: list[Job]) -> list[bytes]:
    """The files in the end; every job that has ended is put into `jobs`."""

    def small(opening: OpenFiles) -> Sequence[JobRequest]:
        wanted = request_of(fix.body, fix.catalog, fix.chosen, opening)
        fix.check(opening)
        return [replace(wanted, notes=(*wanted.notes, *fix.notes))]

    jobs += await passes.run(small, NAMES)
    first = jobs[0]
    pictures = [EarlierOutput(first.id, output.index) for output in first.outputs]
    for row, scale in fix.scales:

        def larger(
            opening: OpenFiles, row: Model = row, scale: float = scale, at: Sequence[EarlierOutput] = tuple(pictures)
        ) -> Sequence[JobRequest]:
            return [upscaling(row, scale, opening.open(each, "image")) for each in at]

        pictures = _outputs(jobs, await passes.run(larger))
    if fix.draw_over:
        seeds = first.request.seeds
        pictures = _outputs(jobs, await passes.run(lambda opening: fix.over(opening, pictures, seeds), SECOND_NAMES))
        return await run_in_threadpool(lambda: [services.sources.read(each, owner, "image") for each in pictures])
    return await to_thread.run_sync(_sized, fix, pictures, services, owner, limiter=services.decoder_limiter)


def _outputs(jobs: list[Job], ended: Sequence[Job]) -> list[EarlierOutput]:
    jobs += ended
    return [EarlierOutput(job.id, job.outputs[0].index) for job in ended]


def _sized(fix: HiresFix, pictures: Sequence[EarlierOutput], services: Services, owner: str) -> list[bytes]:
    with services.sources.opening(owner) as opening:
        return [fix.sized(opening, each) for each in pictures]
