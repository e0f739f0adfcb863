"""Wildcards: words of the catalogue that stand for one of many."""

from __future__ import annotations

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.auth.access import needs
from app.http.errors import documented
from app.services import ServicesOf
from core.keys import Scope

router = APIRouter(prefix="/v1/wildcards", tags=["models"], dependencies=[needs(Scope.READ)])

MOST_EXAMPLES: Final = 5


class WildcardView(BaseModel):
    """`__name__` in a prompt stands for one of its choices, by the seed."""

    name: str = Field(examples=["animal"])
    count: int = Field(description="How many choices it has.")
    examples: tuple[str, ...] = Field(description="The first of them.")


class WildcardList(BaseModel):
    """All that the catalogue has, by their names."""

    object: Literal["list"] = "list"
    data: tuple[WildcardView, ...]


@router.get("", summary="List the wildcards", responses=documented(503))
def list_wildcards(services: ServicesOf) -> WildcardList:
    """What `__name__` may be in a prompt. Several pictures of one job share their choices; POST /v1/groups draws each
    picture by its own."""
    return WildcardList(
        data=tuple(
            WildcardView(name=name, count=len(choices), examples=choices[:MOST_EXAMPLES])
            for name, choices in sorted(services.catalog.wildcards.items())
        )
    )
