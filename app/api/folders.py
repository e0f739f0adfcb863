"""Folders that a key has put its pictures into; one that is empty is none."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.http.json_bodies import JsonRoute
from app.http.validation import StrictInput
from app.jobs.fields import FolderName
from app.services import Owner, ServicesOf
from core.keys import Scope

router = APIRouter(
    prefix="/v1/folders", tags=["generations"], route_class=JsonRoute, dependencies=[needs(Scope.GENERATE)]
)

FolderPath = Annotated[FolderName, Path(description="The name of one of your folders.")]


class FolderView(BaseModel):
    """A folder and how many outputs are in it."""

    name: str = Field(examples=["Foxes"])
    count: int


class FolderList(BaseModel):
    """All of your folders, by name."""

    object: Literal["list"] = "list"
    data: tuple[FolderView, ...]


class FolderChanges(StrictInput):
    """How it is called from now on."""

    name: FolderName = Field(description="A name that another folder has puts the two together.")


@router.get("", summary="List your folders", dependencies=[needs(Scope.READ)], responses=documented(503))
def list_folders(services: ServicesOf, owner: Owner) -> FolderList:
    """Make one by putting an output into it: `PATCH /v1/generations/{job_id}/outputs/{index}`."""
    return FolderList(
        data=tuple(FolderView(name=each.name, count=each.count) for each in services.marks.folders(owner))
    )


@router.patch("/{folder:path}", summary="Rename a folder", responses=documented(400, 404, 413, 415, 503))
def rename_folder(folder: FolderPath, body: FolderChanges, services: ServicesOf, owner: Owner) -> FolderList:
    """What is in it stays in it. The answer is the list as it is then."""
    services.marks.rename_folder(owner, folder, body.name)
    return list_folders(services, owner)


@router.delete("/{folder:path}", status_code=204, summary="Remove a folder", responses=documented(400, 404, 503))
def remove_folder(folder: FolderPath, services: ServicesOf, owner: Owner) -> None:
    """Its pictures stay, no longer in it; those that nothing else keeps expire in their time, which begins anew."""
    services.marks.remove_folder(owner, folder)
