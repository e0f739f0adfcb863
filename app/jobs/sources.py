"""Where the files come from that a job starts from: the request itself, an upload, a URL, an earlier result."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from app.http.fetch import Fetcher
from app.jobs.fields import is_http_url
from app.media.conversion import NOT_PREPARED, Box, Channel, Conversion, Prepared
from app.media.decoder import MAX_WRITTEN_BYTES, Decoder, OpenPictures, Picture
from core.errors import InvalidRequest, NotFound
from core.media import MAX_FILE_BYTES, Facts, Parent
from core.results import ResultStore
from core.store import JobStore
from core.store.uploads import UploadStore


@dataclass(frozen=True, slots=True)
class InlineFile:
    """The bytes came with the request."""

    content: bytes

    def fingerprint(self) -> str:
        """Equal for equal bytes."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """They are at an address, which the guarded client fetches."""

    url: str

    def fingerprint(self) -> str:
        """Equal for the same address."""
        return self.url


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """They were uploaded before."""

    upload: str

    def fingerprint(self) -> str:
        """Equal for the same upload."""
        return self.upload


@dataclass(frozen=True, slots=True)
class EarlierOutput:
    """They are an output of another job of the same owner."""

    generation: str
    index: int

    def fingerprint(self) -> str:
        """Equal for the same output."""
        return f"{self.generation}/{self.index}"


Source = InlineFile | RemoteFile | UploadedFile | EarlierOutput

MAX_URL_CHARS: Final = 2048

CHANNELS: Final[dict[str, Channel]] = {"RGB": "colour", "L": "grey"}
"""What of a picture a role takes, by the mode of its pixels."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """A picture that was read and waits to be written as its role takes it.

    A wire may want another `channel` of it than the role's mode says, inverted, stretched to the size of `like`, or
    over `box` of a canvas.
    """

    picture: Picture
    pictures: OpenPictures
    parent: Parent | None = None
    channel: Channel | None = None
    invert: bool = False
    like: Picture | None = None
    box: Box | None = None

    @property
    def facts(self) -> Facts:
        """Its own size, before it is brought to the task's."""
        return {"width": self.picture.width, "height": self.picture.height}

    def read_as(self, channel: Channel, *, invert: bool = False, like: OpenedFile | None = None) -> OpenedFile:
        """The same picture, of which something else counts."""
        return replace(self, channel=channel, invert=invert, like=None if like is None else like.picture)

    def placed(self, box: Box) -> OpenedFile:
        """The same picture over `box` of the canvas that its role asks for."""
        return replace(self, box=box)

    def as_png(self, mode: str, size: tuple[int, int] | None, prepared: Prepared = NOT_PREPARED) -> bytes:
        """The file for a role of that `mode`, at `size` in pixels or its own, with what is made of it."""
        like = None if self.like is None else self.like.number
        conversion = Conversion(self.channel or CHANNELS[mode], size, self.invert, like, prepared, self.box)
        return self.pictures.png(self.picture, conversion)


class OpenFiles:
    """The files of one request, read for one owner."""

    def __init__(self, sources: Sources, pictures: OpenPictures, owner: str) -> None:
        self._sources = sources
        self._pictures = pictures
        self._owner = owner

    def open(self, source: Source, param: str, *, ours: bool = False) -> OpenedFile:
        """Raises InvalidRequest, PayloadTooLarge or NotFound, naming `param`.

        What Easel made itself, as outputs of jobs, and what else is said to be `ours`, may be larger than what comes.
        """
        content, limit = self._read(source, param, ours=ours)
        parent = Parent(generation=source.generation, index=source.index) if isinstance(source, EarlierOutput) else None
        return OpenedFile(self._pictures.open(content, param, limit), self._pictures, parent)

    def texts(self, source: Source, param: str) -> dict[str, str]:
        """The words that programs wrote into the picture. Raises what `open` does."""
        content, limit = self._read(source, param, ours=False)
        return self._pictures.texts(content, param, limit)

    def _read(self, source: Source, param: str, *, ours: bool) -> tuple[bytes, int]:
        """The bytes, and how many of them there may be."""
        content = self._sources.read(source, self._owner, param)
        return content, MAX_WRITTEN_BYTES if ours or isinstance(source, EarlierOutput) else MAX_FILE_BYTES

    def foreseen(self, width: int, height: int) -> OpenedFile:
        """A picture that a job has yet to make: what is asked of it can be checked, and there is nothing to write."""
        picture = Picture(-1, "image", width, height, "image/png", "png", is_clear=False)
        return OpenedFile(picture, self._pictures)


class Sources:
    """Reads files, each for an owner who may. All of it blocks; few should do it at a time."""

    def __init__(
        self, decoder: Decoder, results: ResultStore, jobs: JobStore, uploads: UploadStore, fetcher: Fetcher
    ) -> None:
        self._decoder = decoder
        self._results = results
        self._jobs = jobs
        self._uploads = uploads
        self._fetcher = fetcher

    @contextmanager
    def opening(self, owner: str) -> Iterator[OpenFiles]:
        """Files for a request of `owner`, open until the end of the block."""
        with self._decoder.pictures() as pictures:
            yield OpenFiles(self, pictures, owner)

    def read(self, source: Source, owner: str, param: str) -> bytes:
        """The bytes. Raises InvalidRequest, PayloadTooLarge or NotFound, naming `param`."""
        match source:
            case InlineFile():
                return source.content
            case RemoteFile():
                return self._fetcher.fetch(source.url, param)
            case UploadedFile():
                key = self._upload_key(source, owner, param)
            case EarlierOutput():
                key = self._output_key(source, owner, param)
        try:
            return self._results.read(key)
        except FileNotFoundError as error:
            raise NotFound(f"'{param}' is gone from the result store", code="input_not_found", param=param) from error

    def _upload_key(self, source: UploadedFile, owner: str, param: str) -> str:
        upload = self._uploads.get(source.upload)
        if upload is None or upload.owner != owner:
            raise NotFound(f"there is no upload '{source.upload[:60]}'", code="upload_not_found", param=param)
        return upload.key

    def _output_key(self, source: EarlierOutput, owner: str, param: str) -> str:
        job = self._jobs.get(source.generation)
        if job is None or job.owner != owner:
            raise NotFound(
                f"there is no generation '{source.generation[:60]}'", code="generation_not_found", param=param
            )
        output = job.output(source.index)
        if output is None:
            raise NotFound(
                f"generation '{job.id}' is {job.status} and has no output {source.index}",
                code="result_not_found",
                param=param,
            )
        return output.key


def source_of_text(text: str, param: str) -> Source:
    """A URL, a data URI or plain base64. Raises InvalidRequest for what is none of them."""
    if text.startswith(("http://", "https://")):
        if not is_http_url(text) or len(text) > MAX_URL_CHARS:
            raise InvalidRequest(
                f"'{param}' must be an http or https URL in plain ASCII with a host and without user name, of "
                f"{MAX_URL_CHARS} characters at most",
                param=param,
            )
        return RemoteFile(text)
    try:
        return InlineFile(decoded(text, param))
    except InvalidRequest as error:
        raise InvalidRequest(
            f"'{param}' must be a picture: an http or https URL, a data URI, or base64", code=error.code, param=param
        ) from error


def decoded(text: str, param: str) -> bytes:
    """The bytes of base64 or of a data URI (RFC 2397). Raises InvalidRequest for what is neither."""
    encoded = text.partition(",")[2] if text[:5].lower() == "data:" else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequest(
            f"'{param}' must be a picture in base64 or a data URI", code="invalid_image", param=param
        ) from error
