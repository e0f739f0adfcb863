"""`python -m tests.chaos.forkserver`: imports the product once, then forks its processes as told. Knows no job.

Importing torch and FastAPI takes seconds; a part that is killed every second must be back in a tenth of one. What
runs in a fork is the part's own main(), with only the engine replaced.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import traceback
from typing import Any, Final

import app.__main__
import app.keeper.__main__
import worker.__main__
from core import logs
from core.catalog.catalog import Catalog
from core.settings import Settings
from tests.chaos.quick_engine import QuickEngine, QuickModels

PR_SET_PDEATHSIG: Final = 1


def quick_worker() -> int:
    """The worker's own process, drawing quickly."""
    settings = Settings.read()
    name = worker.__main__.name_this_process()
    logs.configure(settings, worker=name)
    assert settings.redis_url is not None
    vars(worker.__main__)["Engine"] = QuickEngine
    models: Any = QuickModels(Catalog.load(settings.catalog))
    worker.__main__.serve(settings, models, settings.redis_url, name)
    return 0


PARTS: Final = {"worker": quick_worker, "keeper": app.keeper.__main__.main, "api": app.__main__.main}


def fork(part: str, environment: dict[str, str], log: str) -> int:
    """The process id of a new `part`, which ends with the nursery."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.update(environment)
        code = PARTS[part]()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """A line of JSON in, a process id out, until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        order = json.loads(line)
        sys.stdout.write(f"{fork(order['part'], order['environment'], order['log'])}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
