"""Many lives of jobs, walked at random against the real scripts: the long form of the state machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from tests.chaos.report import Figures
from tests.core.store.job_stories import JobStories
from tests.core.store.test_state_machine import walk

WALKS = 300


@pytest.fixture
def machine(redis: Redis) -> Iterator[type[JobStories]]:
    JobStories.redis = redis
    yield JobStories
    del JobStories.redis


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_nothing_becomes_untrue_however_jobs_live(machine: type[JobStories], figures: Figures) -> None:
    walk(machine, WALKS)
    figures.note(
        "lives of jobs at random", "nothing untrue", f"{WALKS} walks of 40 steps, each checked after each step"
    )
