"""The real application over a real Valkey, a worker without a GPU, and a server for what needs a socket."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Browser
from redis import Redis

from app.main import create_app
from app.server import Server
from core.settings import Settings
from tests.app import fake_worker
from tests.app.fake_worker import FakeWorker
from tests.browser import chromium

MODELS = """
default = "mini"

[mini]
source = "mini"
family = "sd15"
description = "Small."
license = "Apache-2.0"
tasks = ["text-to-image", "image-to-image", "inpaint"]
size = { minimum = 128, maximum = 384, multiple = 32, width = 256, height = 256 }
num_inference_steps = 20
max_steps = 100
max_images = 4
max_work = 26214400

[flux-tiny]
source = "flux-tiny"
family = "flux"
queue = "large"
size = { width = 512, height = 512 }
"""

KEY = "k" * 48
OTHER_KEY = "o" * 48

Connect = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture
def settings(redis: Redis, redis_url: str, tmp_path: Path) -> Settings:
    """No keys, loopback, two models."""
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(MODELS)
    return Settings(redis_url=redis_url, data_dir=tmp_path / "data", catalog=catalog)


@contextmanager
def connected(settings: Settings, **changes: object) -> Iterator[TestClient]:
    app = create_app(settings.model_copy(update=changes))
    with TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with connected(settings) as client:
        yield client


@pytest.fixture
def connect(settings: Settings) -> Connect:
    """A client of an app with changed settings."""
    return lambda **changes: connected(settings, **changes)


@pytest.fixture
def worker(settings: Settings) -> Iterator[FakeWorker]:
    """Draws when told to."""
    fake = FakeWorker(settings)
    yield fake
    fake.close()


@contextmanager
def serving(settings: Settings, port: int = 0) -> Iterator[str]:
    """The app behind a socket, for streams; TestClient would wait for their end."""
    app = create_app(settings)
    server = Server(uvicorn.Config(app, port=port, http="h11", ws="none", log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def server(settings: Settings) -> Iterator[str]:
    with serving(settings) as url:
        yield url


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def real_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser can tell a picture from bytes that only begin like one."""
    file = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(file, "PNG")
    monkeypatch.setattr(fake_worker, "PICTURE", file.getvalue())
