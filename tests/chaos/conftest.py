"""What the chaos tests share: the figures, told at the end of the run, and a receiver of webhooks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.keeper.receiver import Receiver, running_receiver
from tests.chaos.report import Figures
from tests.chaos.report_plugin import FIGURES


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    return request.config.stash[FIGURES]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running
