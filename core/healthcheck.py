"""`python -m core.healthcheck keeper|worker`: exit 0 if that part lives, as containers ask."""

from __future__ import annotations

import socket
import sys

from redis.exceptions import RedisError

from core.settings import Settings
from core.store import KeeperHeartbeat, WorkerRegistry
from core.store.connection import connect


def is_alive(part: str, settings: Settings) -> bool:
    """Whether a keeper did its rounds lately, or a worker of this very host announced itself."""
    if settings.redis_url is None:
        return False
    with connect(settings.redis_url, prefix=settings.redis_prefix) as redis:
        if part == "keeper":
            return KeeperHeartbeat(redis).is_alive()
        here = f"{socket.gethostname()}-"
        return any(worker.name.startswith(here) for worker in WorkerRegistry(redis).alive())


def main() -> int:
    """The exit status: 0 alive, 1 not, 2 asked wrongly."""
    if sys.argv[1:] not in (["keeper"], ["worker"]):
        sys.stderr.write("usage: python -m core.healthcheck keeper|worker\n")
        return 2
    try:
        return 0 if is_alive(sys.argv[1], Settings.read()) else 1
    except RedisError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
