"""Finds the route that a request is for, before anybody is let in, and so what it has to show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Match
from starlette.types import Scope as AsgiScope

from app.auth.access import CLOSED, Access, access_of, of_any_key
from core.errors import EaselError, MethodNotAllowed, NotFound
from core.keys import Scope

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


class UndeclaredAccess(ValueError):
    """A route does not say, or cannot mean, who may call it."""


@dataclass(frozen=True, slots=True)
class RouteRow:
    """A route as the middleware sees it."""

    path: str
    methods: frozenset[str]
    access: Access
    matches: Callable[[AsgiScope], tuple[Match, AsgiScope]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a request needs to be let in and, if no route answers it, what it is told then."""

    access: Access
    refusal: EaselError | None = None


class RouteTable:
    """All routes in the order in which the router tries them.

    What is added to the application later is not in it, and so is not reached.
    """

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.rows: Final = tuple(
            RouteRow(
                path=route.path_format or route.path or type(route.original_route).__name__,
                methods=frozenset(route.methods or ()),
                access=access_of(route),
                matches=route.matches,
            )
            for route in iter_route_contexts(routes)
        )
        beside: defaultdict[str, list[Access]] = defaultdict(list)
        for row in self.rows:
            beside[f"{_first_part(row.path).rstrip('/')}/"].append(row.access)
        self._beside = {part: of_any_key(accesses) for part, accesses in beside.items()}

    def check(self) -> None:
        """Raise UndeclaredAccess for the first route that says nothing, or lets a key change things that may look."""
        for row in self.rows:
            where = f"{'/'.join(sorted(row.methods)) or 'the route'} {row.path}"
            if row.access == CLOSED:
                raise UndeclaredAccess(
                    f"{where} does not declare who may call it: give it or its router dependencies=[needs(…)] "
                    "or [PUBLIC] of app.auth.access"
                )
            if Scope.READ in row.access.scopes and not row.methods <= SAFE:
                raise UndeclaredAccess(f"{where} declares the scope 'read', which must not change anything")

    def refusals(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """The statuses with which each method and path may be turned away before its route is reached."""
        return {(method, row.path): row.access.refusals() for row in self.rows for method in row.methods}

    def find(self, scope: AsgiScope) -> Found:
        """A wrong address or method beside routes that need a key needs one too: strangers learn nothing of either."""
        others: list[RouteRow] = []
        for row in self.rows:
            match, _ = row.matches(scope)
            if match is Match.FULL:
                return Found(row.access)
            if match is Match.PARTIAL:
                others.append(row)
        if others:
            access = of_any_key(row.access for row in others)
            signed = any(row.access.signed for row in others)
            methods = frozenset[str]().union(*(row.methods for row in others))
            return Found(replace(access, signed=signed), MethodNotAllowed(allowed=methods))
        return Found(self._beside.get(_first_part(scope["path"]), Access(public=True)), NotFound())


def _first_part(path: str) -> str:
    """What the addresses of one wire have in common; nothing for an address of a single part."""
    first, slash, _ = path.removeprefix("/").partition("/")
    return f"{first}{slash}"
