"""The body of a request for generations, read once: its fields, its pictures, what it asks for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Request

from app.api.generation_input import GenerationInput
from app.http.bodies import open_body
from app.jobs.guide_fields import param_of
from app.jobs.request import JobRequest, fingerprint_of
from app.jobs.sources import OpenFiles, Source
from core.tasks import roles


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client sent: its fields, and where its pictures are, by role."""

    body: GenerationInput
    inputs: Mapping[str, tuple[Source, ...]]
    fingerprint: str

    @property
    def opens_pictures(self) -> bool:
        """Whether pictures may have to be read; few requests may do so at a time."""
        return bool(self.inputs) or self.body.prompt_parameters

    def wanted(self, opening: OpenFiles) -> JobRequest:
        """What it asks for, with its pictures open. Raises InvalidRequest, PayloadTooLarge or NotFound."""
        opened = {
            role: [opening.open(source, param_of(role, place)) for place, source in enumerate(sources)]
            for role, sources in self.inputs.items()
        }
        return self.body.wanted(opened, self.fingerprint)


@asynccontextmanager
async def asked(request: Request, call: str) -> AsyncIterator[Asked]:
    """The body of a `call`, whose name tells equal bodies of several calls apart. Raises as `open_body` does."""
    async with open_body(request, GenerationInput, files=roles()) as (body, files):
        inputs = body.sources(files)
        document = body.model_dump(mode="json", exclude_none=True, exclude={"inputs"}) | body.inputs.told()
        sources = [f"{role} {source.fingerprint()}" for role, given in inputs.items() for source in given]
        yield Asked(body, inputs, fingerprint_of(call, document, sources))
