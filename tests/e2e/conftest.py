"""One running stack for the tests that share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.app.keeper.receiver import Receiver, running_receiver
from tests.e2e.stack import Stack, easel_up


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with easel_up(tmp_path_factory.mktemp("easel") / "data", EASEL_HANGUP_SECONDS="2") as running:
        yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running
