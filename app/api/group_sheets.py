"""The contact sheet of a group: its pictures so far, each always in the same place."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from app.media.decoder import OpenPictures, Picture
from app.media.sheets import Cell, Sheet, columns_for, side_for
from app.services import Services
from core.errors import EaselError
from core.jobs import Job
from core.media import IMAGE, Artifact
from core.store import Group

Placed = tuple[str, Artifact | None]
"""What is said of a place, and the picture that belongs there, once there is one."""


def places_of(group: Group, jobs: Sequence[Job | None]) -> list[Placed]:
    """All places of the sheet; the label of a job stands below its first picture."""
    shown = {each.media_type for each in IMAGE.formats}
    found: list[Placed] = []
    for member, job in zip(group.members, jobs, strict=True):
        pictures = {each.index: each for each in job.outputs if each.medium in shown} if job is not None else {}
        found += [(member.label if index == 0 else "", pictures.get(index)) for index in range(member.outputs)]
    return found


def etag_of(group: Group, places: Sequence[Placed]) -> str:
    """Equal for equal sheets: pictures never change under their names."""
    names = [group.id, *(artifact.key if artifact else "" for _, artifact in places)]
    return f'"{hashlib.sha256(" ".join(names).encode()).hexdigest()[:32]}"'


def sheet_of(services: Services, group: Group, places: Sequence[Placed]) -> bytes:
    """The PNG file. Pictures that cannot be read any more leave their place empty. Raises Unavailable."""
    columns = columns_for(len(places), min(member.outputs for member in group.members))
    side = side_for(len(places), columns)
    with services.decoder.pictures() as pictures:
        opened = [_opened(services, pictures, artifact, side) for _, artifact in places]
        cells = [
            Cell(None if picture is None else picture.number, label)
            for (label, _), picture in zip(places, opened, strict=True)
        ]
        return pictures.sheet(Sheet(columns, side, tuple(cells)))


def _opened(services: Services, pictures: OpenPictures, artifact: Artifact | None, side: int) -> Picture | None:
    if artifact is None:
        return None
    try:
        picture = pictures.open(services.results.read(artifact.key), "output")
    except (FileNotFoundError, EaselError):
        return None
    pictures.shrink(picture, side)
    return picture
