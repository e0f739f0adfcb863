"""No link of the documentation leads nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import PAGES, README, ROOT, anchors, links

RELATIVE = [
    pytest.param(page, link, id=f"{page.name}: {link}")
    for page in (*PAGES, ROOT / "models" / "easel-mini" / "README.md")
    for link in links(page)
    if "://" not in link and not link.startswith("mailto:")
]


@pytest.mark.parametrize(("page", "link"), RELATIVE)
def test_the_target_is_there(page: Path, link: str) -> None:
    name, _, anchor = link.partition("#")
    target = (page.parent / name).resolve() if name else page
    assert target.exists()
    if anchor:
        assert anchor in anchors(target)


@pytest.mark.parametrize("page", [page for page in PAGES if page != README], ids=lambda page: page.name)
def test_the_readme_links_every_page(page: Path) -> None:
    assert f"docs/{page.name}" in links(README)
