"""txt2img with hires fix: its passes, what is refused before the first, and that nothing of it is left running."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest

from app.wires.a1111.hires import HiresFix
from core.settings import Settings
from core.store import Claim
from tests.app import fake_worker
from tests.app.conftest import serving
from tests.app.fake_worker import FakeWorker
from tests.app.wires.a1111.enlarging import DRAWN, ROWS, jobs_of, size_of

SQUARE = {"prompt": "a fox", "width": 256, "height": 256, "seed": 7, "enable_hr": True}


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A catalogue with networks, and pictures that can be read."""
    settings.catalog.write_text(ROWS)
    monkeypatch.setattr(fake_worker, "PICTURE", DRAWN)
    return settings.model_copy(update={"hangup_seconds": 0.1})


def ask(server: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{server}/sdapi/v1/txt2img", json={**SQUARE, **body}, timeout=30)


def drawn(server: str, worker: FakeWorker, **body: Any) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    """The answer, its info, and the jobs."""
    with worker:
        response = ask(server, **body)
    assert response.status_code == 200, response.text
    return response.json(), json.loads(response.json()["info"]), jobs_of(server)


def claimed(worker: FakeWorker, server: str, count: int) -> Claim:
    """The next job, once there are `count` of them."""
    while len(jobs_of(server)) < count:
        time.sleep(0.02)
    return worker.claim()


def statuses(server: str) -> list[str]:
    return [job["status"] for job in jobs_of(server)]


def test_pictures_are_enlarged_and_drawn_over(server: str, worker: FakeWorker) -> None:
    # Given two pictures that shall be half as large again, by an upscaler
    answer, info, jobs = drawn(
        server,
        worker,
        batch_size=2,
        steps=10,
        hr_scale=1.5,
        hr_upscaler="up2",
        hr_second_pass_steps=6,
        hr_prompt="a fox in snow",
        hr_cfg=3,
        denoising_strength=0.5,
        sampler_name="Euler",
        hr_sampler_name="DDIM",
    )
    # Then they are drawn in one job, and each is enlarged and drawn over in its own
    assert [(job["task"], job["model"]) for job in jobs] == [
        ("text-to-image", "mini"),
        *[("upscale", "up2")] * 2,
        *[("image-to-image", "mini")] * 2,
    ]
    assert [job["metadata"]["part"] for job in jobs] == ["1/5", "2/5", "3/5", "4/5", "5/5"]
    first, *_, last = jobs
    assert [job["seeds"] for job in jobs if job["task"] != "upscale"] == [[7, 8], [7], [8]]
    assert jobs[2]["parents"] == [{"generation": first["id"], "index": 1}]
    assert last["parents"] == [{"generation": jobs[2]["id"], "index": 0}]
    # by what the call says of the second pass, whose steps are those that are done
    told = last["parameters"]
    assert (told["width"], told["height"], told["strength"]) == (384, 384, 0.5)
    assert (told["num_inference_steps"], told["guidance_scale"], told["scheduler"]) == (12, 3.0, "ddim")
    assert (told["prompt"], first["parameters"]["prompt"]) == ("a fox in snow", "a fox")
    # and the answer has the last pictures, with what these clients say of hires fix
    assert [base64.b64decode(image) for image in answer["images"]] == [DRAWN] * 2
    assert (info["width"], info["all_seeds"], info["denoising_strength"]) == (256, [7, 8], 0.5)
    assert info["infotexts"][1].endswith(
        "Denoising strength: 0.5, Hires upscale: 1.5, Hires steps: 6, Hires upscaler: up2, Hires size: 384x384"
    )


def test_what_is_larger_than_the_model_draws_is_drawn_by_tiles(server: str, worker: FakeWorker) -> None:
    _, info, jobs = drawn(server, worker, hr_upscaler="Latent (nearest)", denoising_strength=0.3)

    assert [job["task"] for job in jobs] == ["text-to-image", "creative-upscale"]
    told = jobs[1]["parameters"]
    assert (told["scale"], told["strength"], told["width"], told["height"]) == (1.0, 0.3, 256, 256)
    given = httpx.get(jobs[1]["inputs"][0]["url"]).content
    assert size_of(base64.b64encode(given).decode()) == (512, 512)
    assert jobs[1]["parents"] == [{"generation": jobs[0]["id"], "index": 0}]
    latent, tiles = info["easel_notes"]
    assert ("'Latent (nearest)'" in latent, "512x512 was drawn over tile by tile" in tiles) == (True, True)


def test_nothing_is_drawn_over_where_nothing_is_to_change(server: str, worker: FakeWorker) -> None:
    answer, _, jobs = drawn(server, worker, denoising_strength=0, hr_resize_x=300, hr_resize_y=200, hr_upscaler="None")

    assert [job["task"] for job in jobs] == ["text-to-image"]
    assert size_of(answer["images"][0]) == (300, 200)


def test_a_size_near_the_grid_and_one_side_alone(server: str, worker: FakeWorker) -> None:
    _, info, jobs = drawn(server, worker, hr_resize_x=300, hr_upscaler="Lanczos")

    assert (jobs[1]["parameters"]["width"], jobs[1]["parameters"]["height"]) == (288, 288)
    assert info["easel_notes"] == ["300x300 became 288x288, the nearest that model 'mini' draws"]


def test_what_is_said_of_it_counts_only_where_it_is_enabled(server: str, worker: FakeWorker) -> None:
    _, info, jobs = drawn(
        server, worker, enable_hr=False, hr_scale=0, hr_upscaler="LDSR", denoising_strength=7, hr_resize_x=-1
    )

    assert [job["task"] for job in jobs] == ["text-to-image"]
    assert info["denoising_strength"] is None


@pytest.mark.parametrize(
    ("said", "param", "words"),
    [
        ({"hr_upscaler": "LDSR"}, "hr_upscaler", "there are 'None', 'Lanczos', 'up2', 'up4'"),
        ({"hr_scale": 0.5}, "hr_scale", "1"),
        ({"hr_scale": 8, "hr_resize_x": 4096, "hr_resize_y": 4097}, "hr_resize_y", "4096"),
        ({"denoising_strength": 1.5}, "denoising_strength", "1"),
        ({"hr_sampler_name": "Oiler"}, "hr_sampler_name", "'Oiler'"),
        ({"override_settings": {"sd_model_checkpoint": "flux-tiny"}}, "enable_hr", "does no image-to-image"),
        ({"hr_checkpoint_name": "flux-tiny"}, "enable_hr", "does no image-to-image"),
        (
            {"steps": 100, "hr_scale": 1.5, "hr_resize_x": 384, "denoising_strength": 0.1, "n_iter": 5},
            "batch_size",
            "5",
        ),
    ],
)
def test_what_a_later_pass_cannot_do_is_refused_before_the_first(
    server: str, said: dict[str, Any], param: str, words: str
) -> None:
    refused = ask(server, **said)

    assert refused.status_code == 400, refused.text
    assert refused.json()["error"]["param"] == param, refused.text
    assert words in refused.json()["error"]["message"]
    assert jobs_of(server) == []


def test_an_unknown_checkpoint_for_the_second_pass(server: str) -> None:
    refused = ask(server, hr_checkpoint_name="sdxl")

    assert (refused.status_code, jobs_of(server)) == (404, [])


def test_progress_goes_on_and_an_interrupt_ends_all_of_it(server: str, worker: FakeWorker) -> None:
    def progress() -> tuple[float, int, int]:
        seen = httpx.get(f"{server}/sdapi/v1/progress").json()
        return seen["progress"], seen["state"]["job_no"], seen["state"]["job_count"]

    with ThreadPoolExecutor(1) as pool:
        asked: Future[httpx.Response] = pool.submit(ask, server, batch_size=2)
        # Given the first pass half done, then the second
        first = claimed(worker, server, 1)
        worker.step(first, 5, 10)
        assert progress() == (0.5 / 3, 0, 3)
        worker.finish(first)
        second = claimed(worker, server, 3)
        worker.step(second, 5, 10)
        assert progress() == (1.5 / 3, 1, 3)
        # When it is interrupted
        httpx.post(f"{server}/sdapi/v1/interrupt")
        assert worker.step(second, 6, 10) == "cancel"
        worker.cancel(second)
        answer = asked.result()
    # Then the call ends without pictures, and what waits behind it is canceled too
    assert (answer.status_code, answer.json()["images"]) == (200, [])
    assert statuses(server) == ["succeeded", "canceled", "canceled"]


def test_an_interrupt_between_two_passes_ends_it(
    server: str, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an interrupt that comes when the first pass is done and the second has no job yet
    over = HiresFix.over

    def interrupted(self: HiresFix, *given: Any) -> Any:
        httpx.post(f"{server}/sdapi/v1/interrupt")
        return over(self, *given)

    monkeypatch.setattr(HiresFix, "over", interrupted)
    with ThreadPoolExecutor(1) as pool:
        asked: Future[httpx.Response] = pool.submit(ask, server)
        worker.finish(claimed(worker, server, 1))
        # Then there is no second pass
        answer = asked.result()
    assert (answer.status_code, answer.json()["images"]) == (200, [])
    assert statuses(server) == ["succeeded", "canceled"]
    # and the next call is not interrupted by it
    monkeypatch.undo()
    monkeypatch.setattr(fake_worker, "PICTURE", DRAWN)
    assert len(drawn(server, worker)[0]["images"]) == 1


def test_a_pass_that_fails_ends_the_others(server: str, worker: FakeWorker) -> None:
    with ThreadPoolExecutor(1) as pool:
        asked: Future[httpx.Response] = pool.submit(ask, server, batch_size=2)
        worker.finish(claimed(worker, server, 1))
        worker.fail(claimed(worker, server, 3))
        answer = asked.result()

    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "out_of_memory")
    assert statuses(server) == ["succeeded", "failed", "canceled"]


@pytest.mark.parametrize("passes", [0, 1])
def test_nothing_is_left_running_when_the_client_hangs_up(settings: Settings, worker: FakeWorker, passes: int) -> None:
    with serving(settings) as server:
        # Given a client that hangs up in the first or in the second pass
        with closing(HTTPConnection(server.removeprefix("http://"))) as client:
            body = json.dumps({**SQUARE, "batch_size": 2})
            client.request("POST", "/sdapi/v1/txt2img", body, {"Content-Type": "application/json"})
            for _ in range(passes):
                worker.finish(claimed(worker, server, 1))
            while len(jobs_of(server)) < (3 if passes else 1):
                time.sleep(0.02)
        # Then what waits is canceled after a while, and nothing comes after it
        while set(statuses(server)) & {"queued", "running"}:
            time.sleep(0.02)
        assert statuses(server) == (["succeeded", "canceled", "canceled"] if passes else ["canceled"])
