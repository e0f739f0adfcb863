"""One running stack for all pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import Stack, easel_up


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with easel_up(tmp_path_factory.mktemp("docs") / "data") as running:
        yield running
