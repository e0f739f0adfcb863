"""Starts the real thing the way a person does: the `easel` command, in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.ports import free_port

FINISHED = {"succeeded", "failed", "canceled"}
READY_SECONDS = 120
JOB_SECONDS = 120


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true value of `condition`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds} s for {what}")


class Stack:
    """A running `easel up` and a client of it."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, data_dir: Path, log: Path) -> None:
        self.process = process
        self.data_dir = data_dir
        self.log = log
        self.http = httpx.Client(base_url=url, timeout=30)

    def post(self, **body: Any) -> dict[str, Any]:
        response = self.http.post("/v1/generations", json=body)
        assert response.status_code == 202, response.text
        job: dict[str, Any] = response.json()
        return job

    def get(self, job_id: str) -> dict[str, Any]:
        response = self.http.get(f"/v1/generations/{job_id}")
        assert response.status_code == 200, response.text
        job: dict[str, Any] = response.json()
        return job

    def finish(self, job_id: str) -> dict[str, Any]:
        """Poll until the job has ended."""

        def ended() -> dict[str, Any] | None:
            job = self.get(job_id)
            return job if job["status"] in FINISHED else None

        job: dict[str, Any] = until(ended, JOB_SECONDS, f"the end of {job_id}")
        return job

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, module: str) -> psutil.Process:
        """The process of `python -m module`."""
        return self.processes(module)[0]

    def processes(self, module: str) -> list[psutil.Process]:
        """All of them, where there may be several."""
        return [child for child in self.children() if child.cmdline()[-2:] == ["-m", module]]

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


def command_of(root: Path | None) -> list[str]:
    """The `easel` command, or the same out of the tree at `root`."""
    if root is None:
        return [str(Path(sys.executable).parent / "easel")]
    return [sys.executable, "-c", "from app.cli.main import main; main()"]


@contextmanager
def easel_up(data_dir: Path, root: Path | None = None, **environment: str) -> Iterator[Stack]:
    """`easel up` on a free port, ready: of this tree, or of the copy at `root`.

    Whatever happens, nothing of it outlives the block.
    """
    port = free_port()
    log = data_dir.parent / f"easel-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *command_of(root),
                "up",
                "--port",
                str(port),
                "--data-dir",
                str(data_dir),
            ],
            cwd=root,
            env={
                **os.environ,
                **({"PYTHONPATH": str(root)} if root else {}),
                "OMP_NUM_THREADS": "2",
                "EASEL_WORKERS": "1",
                **environment,
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    stack = Stack(process, f"http://127.0.0.1:{port}", data_dir, log)
    try:
        until(lambda: "Easel is ready at" in log.read_text() or process.poll(), READY_SECONDS, "easel up")
        assert process.poll() is None, log.read_text()
        yield stack
    finally:
        stack.http.close()
        if process.poll() is None:
            left = stack.children()
            process.kill()
            for child in left:
                if child.is_running():
                    child.kill()
            process.wait()
