"""A job's life, walked at random by hypothesis against the real scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from tests.core.store.job_stories import JobStories


@pytest.fixture
def machine(redis: Redis) -> Iterator[type[JobStories]]:
    JobStories.redis = redis
    yield JobStories
    del JobStories.redis


def walk(machine: type[JobStories], walks: int) -> None:
    """So many lives, of 40 steps at most each."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=walks,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_jobs_life_at_random(machine: type[JobStories]) -> None:
    walk(machine, 60)
