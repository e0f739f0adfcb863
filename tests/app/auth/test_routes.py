"""A route that does not say who may call it: the application does not start with it, and lets nobody reach it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import SecretStr
from starlette.websockets import WebSocketDisconnect

import app.wires
from app.auth.routes import UndeclaredAccess
from app.http import errors
from app.main import create_app
from core.settings import Settings
from tests.app.conftest import KEY, Connect

MINE = {"Authorization": f"Bearer {KEY}"}

HEAD = """
from fastapi import APIRouter, WebSocket
from starlette.responses import PlainTextResponse
from app.auth.access import PUBLIC, needs
from core.keys import Scope

router = APIRouter(prefix="/new", include_in_schema=False)
routers = (router,)

"""

NewWire = Callable[[str], None]


@pytest.fixture
def new_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NewWire]:
    """A folder of a wire that nothing else names, with this source."""
    folder = tmp_path / "wires"
    monkeypatch.setattr(app.wires, "__path__", [*app.wires.__path__, str(folder)])

    def write(source: str) -> None:
        (folder / "newest").mkdir(parents=True)
        (folder / "newest" / "__init__.py").write_text(f"{HEAD}{source}")

    yield write
    sys.modules.pop("app.wires.newest", None)


def test_a_new_wire_is_its_folder(new_wire: NewWire, connect: Connect) -> None:
    # Given a folder with a route that says who may call it, and what rewrites addresses before anybody is asked
    new_wire("""
class Shorter:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        await self.app({**scope, "path": scope.get("path", "").replace("/short", "/new")}, receive, send)

middleware = (Shorter,)

@router.get("/thing", dependencies=[needs(Scope.READ, basic=True)])
def get_thing() -> str:
    return "thing"
""")
    with connect(api_keys=(SecretStr(KEY),)) as client:
        # When it is called, then it is there for whoever has a key, in the way that it declares
        for path in ("/new/thing", "/short/thing"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers=MINE).json() == "thing"
            assert client.get(path, auth=("", KEY)).json() == "thing"
        assert client.get("/new/nothing").status_code == 401


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ('router.get("/open")(lambda: 1)', "GET /new/open does not declare"),
        ('router.delete("/open", dependencies=[])(lambda: 1)', "DELETE /new/open does not declare"),
        ('router.api_route("/open", methods=["GET", "PUT"])(lambda: 1)', "GET/PUT /new/open does not declare"),
        ('router.add_route("/plain", lambda request: PlainTextResponse("x"))', "GET/HEAD /plain does not declare"),
        ('router.mount("/files", PlainTextResponse("x"))', "/files/{path} does not declare"),
        ('@router.websocket("/talk", dependencies=[PUBLIC])\nasync def talk(it: WebSocket) -> None: ...', "/new/talk"),
        ('router.post("/x", dependencies=[needs(Scope.READ)])(lambda: 1)', "POST /new/x declares the scope 'read'"),
        ('inner = APIRouter()\ninner.get("/in")(lambda: 1)\nrouter.include_router(inner)', "/new/in does not declare"),
    ],
)  # fmt: skip
def test_an_application_does_not_start_with_it(
    new_wire: NewWire, settings: Settings, source: str, complaint: str
) -> None:
    new_wire(source)
    with pytest.raises(UndeclaredAccess, match=complaint):
        create_app(settings)


def test_the_innermost_declaration_counts(new_wire: NewWire, connect: Connect) -> None:
    # Given a router for everybody, with a router for `admin` in it, with one route that says something else
    new_wire("""
inner = APIRouter(dependencies=[needs(Scope.ADMIN)])
inner.get("/all")(lambda: 1)
inner.get("/one", dependencies=[PUBLIC])(lambda: 1)
router.include_router(inner, dependencies=[PUBLIC])
""")
    with connect(api_keys=(SecretStr(KEY),)) as client:
        assert [client.get(path).status_code for path in ("/new/all", "/new/one")] == [401, 200]


def test_one_that_comes_after_the_check_is_closed(connect: Connect, settings: Settings) -> None:
    # Given an application to which somebody has added a route later
    for keys, without_key in (((SecretStr(KEY),), 401), ((), 403)):
        late = create_app(settings.model_copy(update={"api_keys": keys}))
        late.get("/late")(lambda: "secret")
        with TestClient(late, base_url="http://127.0.0.1:8000") as client:
            # When it is called, then nobody is let in, whatever key comes along
            assert client.get("/late").status_code == without_key
            assert client.get("/late", headers=MINE).status_code == 403

            # and one that comes when it serves already is not there
            late.get("/later")(lambda: "secret")
            late.post("/health/live")(lambda: "secret")
            assert client.get("/later", headers=MINE).status_code == 404
            assert client.post("/health/live", headers=MINE).status_code == 405


def test_routes_without_the_middleware_are_closed(client: TestClient) -> None:
    # Given an application that has the routes of this one and lacks its middleware
    bare = FastAPI()
    bare.state.services = client.app.state.services  # type: ignore[attr-defined]
    errors.install(bare)
    bare.router.routes.extend(client.app.routes)  # type: ignore[attr-defined]

    # When they are called, then only those that are public answer
    with TestClient(bare) as strangers:
        assert strangers.get("/v1/models").status_code == 401
        assert strangers.get("/sdapi/v1/loras").status_code == 401
        assert strangers.get("/health/live").status_code == 200


def test_no_websocket_is_opened(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect) as caught, client.websocket_connect("/v1/models"):
        pass
    assert caught.value.code == 1008
