"""The page in a real browser, before the real api, with a worker that draws when told to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.app.studio.asking import wait_for_form
from tests.browser import opened


@pytest.fixture(autouse=True)
def _real(real_pictures: None) -> None:
    """In all tests of the page."""


@pytest.fixture
def studio(browser: Browser, server: str) -> Iterator[Page]:
    """The page with its form filled by what the server said of its models."""
    with opened(browser, server) as page:
        wait_for_form(page)
        yield page
