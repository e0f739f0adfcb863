"""A hub on loopback: the routes that huggingface_hub downloads a repository by, over folders of this disk."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """`repositories` are folders by `owner/name`; `gated` give no file; `breaks` are bytes after which one ends."""

    def __init__(self) -> None:
        self.repositories: dict[str, Path] = {}
        self.gated: set[str] = set()
        self.breaks: dict[str, int] = {}
        self.asked: list[str] = []
        self.ranges: list[str] = []
        self.tokens: set[str | None] = set()
        self.url = ""

    def files(self, repo: str) -> dict[str, Path]:
        home = self.repositories[repo]
        return {str(file.relative_to(home)): file for file in sorted(home.rglob("*")) if file.is_file()}


class Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"

    def log_message(self, *words: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(f"{self.command} {path}")
        self.hub.tokens.add(self.headers.get("Authorization"))
        parts = path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        repo = "/".join(parts[2:4] if api else parts[:2])
        if repo not in self.hub.repositories:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"})
        elif api and parts[4:5] == ["tree"]:
            self.answer(200, json.dumps([self.entry(repo, name) for name in self.hub.files(repo)]).encode())
        elif api:
            self.answer(200, json.dumps(self.info(repo)).encode())
        else:
            self.file(repo, "/".join(parts[4:]))

    def info(self, repo: str) -> dict[str, object]:
        siblings = [{"rfilename": name, "size": file.stat().st_size} for name, file in self.hub.files(repo).items()]
        return {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}

    def entry(self, repo: str, name: str) -> dict[str, object]:
        file = self.hub.files(repo)[name]
        return {"type": "file", "path": name, "size": file.stat().st_size, "oid": etag(file)}

    def file(self, repo: str, name: str) -> None:
        file = self.hub.files(repo).get(name)
        if repo in self.hub.gated:
            self.answer(403, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
            return
        if file is None:
            self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        content = file.read_bytes()
        told = {"ETag": f'"{etag(file)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        begin = 0
        if asked := self.headers.get("Range"):
            self.hub.ranges.append(f"{name} {asked}")
            begin = int(asked.removeprefix("bytes=").partition("-")[0])
            told["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        self.answer(
            206 if begin else 200,
            content[begin:],
            told,
            ends_after=self.hub.breaks.pop(name, None) if self.command == "GET" else None,
        )

    def answer(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, ends_after: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if ends_after is None else body[:ends_after])
        if ends_after is not None:
            self.close_connection = True


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    hub = FakeHub()
    handler = type("HandlerOfHub", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes()).hexdigest()  # noqa: S324 - git's own for small files
