"""Wildcards of the catalogue in what a client wants: chosen by the seed, so that a recipe draws the same again."""

from __future__ import annotations

from dataclasses import replace

from app.jobs.request import JobRequest
from core.catalog.catalog import Catalog
from core.catalog.wildcards import choose, names_in
from core.jobs import MAX_SEED, seeds_for

WORDS = ("prompt", "negative_prompt")


def has_wildcards(wanted: JobRequest, catalog: Catalog) -> bool:
    """Whether its words name a wildcard that there is."""
    return any(names_in(str(wanted.parameters.get(name) or ""), catalog.wildcards) for name in WORDS)


def with_choices(wanted: JobRequest, catalog: Catalog) -> JobRequest:
    """`wanted` with its wildcards chosen, by its seed, which is fixed for it. The notes tell what became of each."""
    if not has_wildcards(wanted, catalog):
        return wanted
    [seed] = seeds_for(wanted.seed, 1)
    parameters, notes = dict(wanted.parameters), list(wanted.notes)
    for name in WORDS:
        if parameters.get(name):
            chosen = choose(str(parameters[name]), catalog.wildcards, seed)
            parameters[name] = chosen.text
            notes += chosen.told
    return replace(wanted, parameters=parameters, seed=seed, notes=tuple(notes))


def each_its_own(wanted: JobRequest, catalog: Catalog) -> tuple[JobRequest, ...]:
    """One request a picture where its words name wildcards: pictures of one job share their words."""
    if wanted.n == 1 or not has_wildcards(wanted, catalog):
        return (wanted,)
    [first] = seeds_for(wanted.seed, 1)
    return tuple(replace(wanted, n=1, seed=(first + place) % (MAX_SEED + 1)) for place in range(wanted.n))
