"""Result files in an object store: local disk, S3, GCS or Azure, by URL."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from core.errors import Unavailable

FULL: Final = re.compile(r"No space left|os error (27|28|122)\b|Errno (27|28|122)\b|[Qq]uota exceeded|File too large")
"""What systems say where a disk, or somebody's share of it, is full: ENOSPC, EDQUOT, EFBIG."""
FULL_WORDS: Final = "the server has no room for files left: delete pictures that you do not need, or tell who runs it"
FULL_RETRY_SECONDS: Final = 60

CHUNK_BYTES: Final = 256 * 1024


class ResultStore:
    """Whole objects under names made by us. `put` returns once the bytes would survive a power cut."""

    def __init__(self, url: str) -> None:
        self._root: Path | None = None
        if urlsplit(url).scheme == "file":
            self._root = Path(unquote(urlsplit(url).path))
            self._root.mkdir(parents=True, exist_ok=True)
            self._store: ObjectStore = LocalStore(self._root, automatic_cleanup=True)
        else:
            self._store = _open_remote(url)

    def put(self, key: str, content: bytes) -> None:
        """Write the object whole or not at all (the disk store writes a temporary name and renames it).

        Raises Unavailable (`storage_full`) where there is no room for it.
        """
        try:
            obstore.put(self._store, key, content)
            if self._root is not None:
                self._flush(self._root / key)
        except (BaseError, OSError) as error:
            if FULL.search(str(error)) is None:
                raise
            raise Unavailable(FULL_WORDS, code="storage_full", retry_after=FULL_RETRY_SECONDS) from error

    def _flush(self, path: Path) -> None:
        """LocalStore renames but does not flush; the commit that follows must not outlive the picture."""
        assert self._root is not None  # noqa: S101 - only called for the disk store
        folders = [folder for folder in path.parents if folder.is_relative_to(self._root)]
        for target in (path, *folders):
            descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def read(self, key: str) -> bytes:
        """The whole object. Raises FileNotFoundError if it is gone."""
        try:
            return bytes(obstore.get(self._store, key).bytes())
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(key) from error

    def stream(self, key: str) -> Iterator[bytes]:
        """The object in chunks. Raises FileNotFoundError, at once, if it is gone."""
        try:
            found = obstore.get(self._store, key)
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotFoundError(key) from error
        return (bytes(chunk) for chunk in found.stream(min_chunk_size=CHUNK_BYTES))

    def delete_prefix(self, prefix: str) -> int:
        """Delete every object under `prefix`; returns how many. None is no error."""
        keys = [entry["path"] for batch in obstore.list(self._store, prefix) for entry in batch]
        for key in keys:
            obstore.delete(self._store, key)
        return len(keys)

    def delete_with_variants(self, key: str) -> None:
        """Delete the object and what lies beside it by its name: `0.png`, `0-320.webp`. None is no error."""
        folder, _, name = key.rpartition("/")
        stem = name.partition(".")[0]
        for batch in obstore.list(self._store, folder):
            for entry in batch:
                beside = entry["path"].removeprefix(f"{folder}/")
                if beside.startswith((f"{stem}.", f"{stem}-")):
                    obstore.delete(self._store, entry["path"])


def _open_remote(url: str) -> ObjectStore:
    """S3 with boto3's credentials (profiles, SSO, roles) where the `s3` extra is installed, else with obstore's own."""
    if urlsplit(url).scheme != "s3":
        return from_url(url)
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return from_url(url)
    try:
        return from_url(url, credential_provider=Boto3CredentialProvider())
    except ValueError:  # boto3 knows no credentials; obstore may still find some in places of its own
        return from_url(url)


def output_key(job_id: str, attempt: int, index: int, extension: str) -> str:
    """Scoped by attempt, so a worker that lost its lease can never overwrite the winner's file."""
    return f"{job_id}/{attempt}/{index}.{extension}"


def thumbnail_key(job_id: str, attempt: int, index: int, side: int) -> str:
    """Beside the output that it is a small copy of."""
    return f"{job_id}/{attempt}/{index}-{side}.webp"


def input_key(job_id: str, role: str, index: int, extension: str) -> str:
    """Under the job's own prefix, so that deleting the job deletes it."""
    return f"{job_id}/input/{role}-{index}.{extension}"
