"""The page in a real browser, before the real api, with a worker that draws when told to."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.app import fake_worker
from tests.app.studio.asking import wait_for_form
from tests.browser import chromium, opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def _real_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser can tell a picture from bytes that only begin like one."""
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "PNG")
    monkeypatch.setattr(fake_worker, "PICTURE", file.getvalue())


@pytest.fixture
def studio(browser: Browser, server: str) -> Iterator[Page]:
    """The page with its form filled by what the server said of its models."""
    with opened(browser, server) as page:
        wait_for_form(page)
        yield page
