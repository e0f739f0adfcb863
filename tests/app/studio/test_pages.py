"""The page: it is there, it is strict, and it needs nobody else's server."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient

PAGES = {"/": "text/html", "/studio.js": "text/javascript", "/studio.css": "text/css"}


@pytest.mark.parametrize(("path", "media_type"), PAGES.items())
def test_a_page_with_its_headers(client: TestClient, path: str, media_type: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_loaded_from_elsewhere(client: TestClient, path: str) -> None:
    assert not re.search(r"https?://", client.get(path).text)


def test_nothing_is_inline(client: TestClient) -> None:
    page = client.get("/").text

    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=", page)
    for name in re.findall(r'(?:src|href)="(/[^"]*)"', page):
        assert client.get(name).status_code == 200


def test_the_script_writes_no_markup(client: TestClient) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", client.get("/studio.js").text
    )


def test_what_the_script_looks_for_is_on_the_page(client: TestClient) -> None:
    page, script = client.get("/").text, client.get("/studio.js").text
    names = set(re.findall(r'byId\("([\w-]+)"\)', script)) | {"ask", "status", "progress", "pictures"}

    assert {name for name in names if f'id="{name}"' not in page} == set()
