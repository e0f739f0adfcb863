"""What a route asks of those who call it, declared beside its decorator or on its router:

    router = APIRouter(prefix="/v1/things", dependencies=[needs(Scope.READ)])

    @router.post("", dependencies=[needs(Scope.GENERATE, metered=True)])

The innermost declaration counts, and it counts alone. A route without one is closed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fastapi import Request
from fastapi.params import Depends
from fastapi.routing import APIRoute, RouteContext

from core.errors import Forbidden, Unauthenticated
from core.keys import FULL, Scope


@dataclass(frozen=True, slots=True)
class Access:
    """A key with one of `scopes` is let in; with none, nobody is."""

    scopes: frozenset[Scope] = frozenset()
    public: bool = False
    """Everybody is let in, and no key is asked for."""
    metered: bool = False
    """It may make work, and counts against the key's requests a minute."""
    signed: bool = False
    """A signature of its address lets in as well."""
    basic: bool = False
    """The key may come as the password of HTTP Basic: it is all that its clients can do."""

    async def __call__(self, request: Request) -> None:
        """As a dependency of the route: in an application without the middleware it is closed."""
        if not self.public and not hasattr(request.state, "owner"):
            raise Unauthenticated(param="Authorization")

    def check(self, scopes: frozenset[Scope]) -> None:
        """Raise Forbidden unless a key with `scopes` is let in."""
        if not self.scopes:
            raise Forbidden("this address does not say who may call it, so nobody may")
        if not self.scopes & scopes:
            needed, had = (" and ".join(f"'{scope}'" for scope in sorted(each)) for each in (self.scopes, scopes))
            raise Forbidden(f"this needs an API key with the scope {needed}; yours has {had}")

    def refusals(self) -> tuple[int, ...]:
        """The statuses with which a request may be turned away before its route is reached."""
        if self.public:
            return ()
        return (401, 403, 429) if self.metered else (401, 403)


CLOSED: Final = Access()

PUBLIC: Final = Depends(Access(public=True))
"""The declaration of a route that is there for everybody."""


def needs(scope: Scope, *, metered: bool = False, signed: bool = False, basic: bool = False) -> Depends:
    """The declaration of a route that takes keys with this scope."""
    return Depends(Access(frozenset({scope}), metered=metered, signed=signed, basic=basic))


def access_of(route: RouteContext) -> Access:
    """What `route` declares; its own declaration comes after its router's. CLOSED for whatever is no HTTP route."""
    if not isinstance(route.original_route, APIRoute):
        return CLOSED
    declared = (each.dependency for each in route.dependencies)
    return next((each for each in reversed([*declared]) if isinstance(each, Access)), CLOSED)


def of_any_key(around: Iterable[Access]) -> Access:
    """For an address that has no route of its own beside those that ask for `around`: a key, whatever its scopes."""
    beside = tuple(around)
    return Access(FULL, public=all(each.public for each in beside), basic=any(each.basic for each in beside))
