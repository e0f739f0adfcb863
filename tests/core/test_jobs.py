"""The records and the statuses they move through."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.jobs import MAX_SEED, TERMINAL_STATUSES, TRANSITIONS, GenerationRequest, Status, new_job_id, seeds_for
from core.media import Output
from tests.core.samples import REQUEST


def test_every_status_has_its_transitions_and_the_terminal_ones_have_none() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {status for status in Status if not TRANSITIONS[status]} == TERMINAL_STATUSES
    assert {status for status in Status if status.is_terminal} == TERMINAL_STATUSES


def test_the_public_words_stay() -> None:
    assert [status.value for status in Status] == ["queued", "running", "succeeded", "failed", "canceled"]


def test_records_do_not_change_and_evolve_checks() -> None:
    with pytest.raises(ValidationError):
        REQUEST.model = "other"  # type: ignore[misc]
    assert REQUEST.evolve(model="other").model == "other"
    with pytest.raises(ValidationError):
        REQUEST.evolve(seeds=(-1,))
    with pytest.raises(ValueError, match="no colour"):
        REQUEST.evolve(colour="red")


def test_a_request_survives_its_json() -> None:
    assert GenerationRequest.model_validate_json(REQUEST.model_dump_json()) == REQUEST


@pytest.mark.parametrize("quality", [0, 101])
def test_quality_is_a_percentage(quality: int) -> None:
    with pytest.raises(ValidationError):
        Output(format="jpeg", quality=quality)


@given(st.integers(0, MAX_SEED), st.integers(1, 10))
def test_seeds_follow_the_first_and_wrap(seed: int, n: int) -> None:
    seeds = seeds_for(seed, n)
    assert seeds[0] == seed
    assert len(seeds) == n
    assert all(0 <= each <= MAX_SEED for each in seeds)
    assert all((after - before) % (MAX_SEED + 1) == 1 for before, after in itertools.pairwise(seeds))


def test_without_a_seed_each_request_gets_another() -> None:
    assert len({seeds_for(None, 1) for _ in range(50)}) > 45


def test_job_ids_cannot_be_guessed() -> None:
    ids = {new_job_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"gen_[0-9a-f]{40}", job_id) for job_id in ids)
