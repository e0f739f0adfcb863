"""Pictures that a prompt names: addresses, outputs of earlier generations, uploads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from app.jobs.prompt_parameters.refusals import refused
from app.jobs.sources import EarlierOutput, RemoteFile, Source, UploadedFile, source_of_text
from core.jobs import JOB_ID
from core.store.uploads import UPLOAD_ID

PICTURE: Final = re.compile(
    rf"(?P<url>https?://\S+?)|(?P<job>{JOB_ID.pattern})(?::(?P<index>[0-9]{{1,2}}))?|(?P<upload>{UPLOAD_ID.pattern})",
    re.IGNORECASE,
)
WEIGHT: Final = re.compile(r"(?P<what>.+?)::(?P<weight>[0-9]{1,4}(?:\.[0-9]{0,4})?|\.[0-9]{1,4})?")
URL: Final = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NamedPicture:
    """Where a picture is; `weight` is what stands behind its `::`, against the others."""

    source: Source
    weight: float = 1.0


def named_picture(token: str) -> NamedPicture | None:
    """The picture that a word names; None for a word that names none. Raises InvalidRequest for no good address."""
    token, weight = token.rstrip(","), 1.0
    if weighed := WEIGHT.fullmatch(token):
        token, weight = weighed["what"], float(weighed["weight"] or 1)
    found = PICTURE.fullmatch(token)
    if found is None:
        return None
    if found["upload"]:
        return NamedPicture(UploadedFile(found["upload"].lower()), weight)
    if found["job"]:
        return NamedPicture(EarlierOutput(found["job"].lower(), int(found["index"] or 0)), weight)
    source = source_of_text(found["url"], "prompt")
    assert isinstance(source, RemoteFile)  # noqa: S101 - it begins as an address does
    return NamedPicture(source, weight)


def leading_pictures(words: str) -> tuple[tuple[NamedPicture, ...], str]:
    """The pictures at the start of a prompt, and the words behind them. Raises InvalidRequest for one among those."""
    pictures: list[NamedPicture] = []
    rest = words.strip()
    while rest:
        first, *behind = rest.split(maxsplit=1)
        picture = named_picture(first)
        if picture is None:
            break
        pictures.append(picture)
        rest = behind[0] if behind else ""
    late = next((word for word in rest.split() if URL.match(word)), None)
    if late is not None:
        raise refused(
            f"'{late[:60]}' stands among the words: pictures stand at the start of the prompt, whole and in http or "
            "https, or behind --sref"
        )
    return tuple(pictures), rest


def shares(pictures: Sequence[NamedPicture]) -> list[float]:
    """How much each counts against the one that counts most, which is 1."""
    most = max(picture.weight for picture in pictures)
    return [picture.weight / most if most else 1.0 for picture in pictures]
