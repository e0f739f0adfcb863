"""extra-single-image, extra-batch-images and interrogate as AUTOMATIC1111's clients call them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from core.settings import Settings
from tests.app import fake_worker
from tests.app.conftest import MODELS, serving
from tests.app.fake_worker import FakeWorker
from tests.app.wires.a1111.enlarging import DRAWN, GIVEN, ROWS, jobs_of, size_of


@pytest.fixture
def settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A catalogue with networks, and pictures that can be read."""
    settings.catalog.write_text(ROWS)
    monkeypatch.setattr(fake_worker, "PICTURE", DRAWN)
    return settings


@pytest.fixture(autouse=True)
def working(worker: FakeWorker) -> Iterator[FakeWorker]:
    """A worker that does what comes."""
    with worker:
        yield worker


def post(server: str, path: str, **body: Any) -> dict[str, Any]:
    response = httpx.post(f"{server}/sdapi/v1/{path}", json=body, timeout=30)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


def test_the_upscalers_that_may_be_named(server: str) -> None:
    listed = httpx.get(f"{server}/sdapi/v1/upscalers").json()

    assert [(row["name"], row["scale"]) for row in listed] == [
        ("None", 1.0),
        ("Lanczos", 4.0),
        ("up2", 2.0),
        ("up4", 4.0),
    ]
    assert {"name": "Latent"} in httpx.get(f"{server}/sdapi/v1/latent-upscale-modes").json()


@pytest.mark.parametrize(
    ("upscaler", "scale", "jobs"),
    [
        ("up2", 2, [("up2", 2.0)]),
        ("up4", 3, [("up4", 3.0)]),
        ("R-ESRGAN 4x+", 4, [("up4", 4.0)]),
        ("up2", 3, [("up2", 2.0), ("up2", 1.5)]),
    ],
)
def test_a_picture_is_made_larger_by_a_row(
    server: str, upscaler: str, scale: float, jobs: list[tuple[str, float]]
) -> None:
    # When a picture is to be larger, by an upscaler that does it at once or has to be used again
    answer = post(server, "extra-single-image", image=GIVEN, upscaler_1=upscaler, upscaling_resize=scale)
    # Then the jobs of it go on from each other, and the last one's picture is the answer, in the size that was asked
    # for even where the worker's is smaller
    done = jobs_of(server)
    assert [(job["model"], job["parameters"]["scale"]) for job in done] == jobs
    assert [job["metadata"]["part"] for job in done] == [f"{at}/{len(jobs)}" for at in range(1, len(jobs) + 1)]
    assert [[parent["generation"] for parent in job["parents"]] for job in done[1:]] == [
        [job["id"]] for job in done[:-1]
    ]
    assert (answer["image"] == base64.b64encode(DRAWN).decode()) == (len(jobs) == 1)
    assert size_of(answer["image"]) == ((256, 256) if len(jobs) == 1 else (900, 600))
    assert upscaler in answer["html_info"]


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"upscaling_resize": 1.5}, (450, 300)),
        ({"resize_mode": 1, "upscaling_resize_w": 500, "upscaling_resize_h": 500}, (500, 500)),
        (
            {"resize_mode": 1, "upscaling_resize_w": 500, "upscaling_resize_h": 500, "upscaling_crop": False},
            (750, 500),
        ),
        ({"resize_mode": 1, "upscaling_resize_w": 30, "upscaling_resize_h": 20}, (30, 20)),
    ],
)
def test_lanczos_is_no_job(server: str, said: dict[str, Any], size: tuple[int, int]) -> None:
    answer = post(server, "extra-single-image", image=GIVEN, upscaler_1="Lanczos", **said)

    assert size_of(answer["image"]) == size
    assert jobs_of(server) == []


def test_a_size_that_no_upscaler_makes_is_reached_in_the_end(server: str) -> None:
    # Given an upscaler that is asked for a square of a picture that is none
    answer = post(
        server,
        "extra-single-image",
        image="data:image/png;base64," + GIVEN,
        upscaler_1="up2",
        resize_mode=1,
        upscaling_resize_w=350,
        upscaling_resize_h=350,
    )
    # Then it covers the square, and the middle is the answer
    assert [job["parameters"]["scale"] for job in jobs_of(server)] == [1.75]
    assert size_of(answer["image"]) == (350, 350)


def test_no_upscaler_leaves_a_picture_as_it_came(server: str) -> None:
    assert post(server, "extra-single-image", image=GIVEN, upscaler_1="None")["image"] == GIVEN
    assert post(server, "extra-single-image", image=GIVEN, show_extras_results=False)["image"] == ""


def test_many_at_a_time_come_in_their_order(server: str) -> None:
    pictures = [{"data": GIVEN, "name": "a"}, {"data": base64.b64encode(DRAWN).decode(), "name": "b"}]

    answer = post(server, "extra-batch-images", imageList=pictures, upscaler_1="up2", upscaling_resize=2)

    assert [job["metadata"]["part"] for job in jobs_of(server)] == ["1/2", "2/2"]
    assert len(answer["images"]) == 2
    larger = post(server, "extra-batch-images", imageList=pictures, upscaler_1="Lanczos", upscaling_resize=2)
    assert [size_of(image) for image in larger["images"]] == [(600, 400), (512, 512)]


@pytest.mark.parametrize(
    ("path", "body", "param", "words"),
    [
        ("extra-single-image", {}, "image", "required"),
        ("extra-single-image", {"image": "?"}, "image", "must be a picture in base64"),
        ("extra-single-image", {"image": GIVEN, "gfpgan_visibility": 0.5}, "gfpgan_visibility", "faces"),
        ("extra-single-image", {"image": GIVEN, "codeformer_visibility": 1}, "codeformer_visibility", "faces"),
        (
            "extra-single-image",
            {"image": GIVEN, "upscaler_2": "up2", "extras_upscaler_2_visibility": 0.5},
            "upscaler_2",
            "is to be mixed with the first",
        ),
        (
            "extra-single-image",
            {"image": GIVEN, "upscaler_1": "LDSR"},
            "upscaler_1",
            "there are 'None', 'Lanczos', 'up2'",
        ),
        ("extra-single-image", {"image": GIVEN, "upscaler_1": "mini"}, "upscaler_1", "is no upscaler of this server"),
        ("extra-single-image", {"image": GIVEN, "resize_mode": 2}, "resize_mode", "0 or 1"),
        ("extra-single-image", {"image": GIVEN, "upscaling_resize": 9}, "upscaling_resize", "8"),
        (
            "extra-single-image",
            {
                "image": GIVEN,
                "upscaler_1": "Lanczos",
                "resize_mode": 1,
                "upscaling_resize_h": 4096,
                "upscaling_crop": False,
            },
            "upscaling_resize_w",
            "6144x4096, over 4096 pixels a side",
        ),
        ("extra-batch-images", {"imageList": []}, "imageList", "at least 1"),
        ("extra-batch-images", {"imageList": [{"data": "?"}]}, "imageList.0.data", "must be a picture in base64"),
        ("interrogate", {"image": GIVEN, "model": "deepdanbooru"}, "model", "there are 'clip', 'teller'"),
        ("interrogate", {"image": "?"}, "image", "must be a picture in base64"),
    ],
)
def test_what_is_not_done_is_refused_by_its_name(
    server: str, path: str, body: dict[str, Any], param: str, words: str
) -> None:
    response = httpx.post(f"{server}/sdapi/v1/{path}", json=body)

    assert response.status_code == 400, response.text
    error = response.json()["error"]
    assert error["param"] == param, error
    assert words in error["message"]
    assert jobs_of(server) == []


@pytest.mark.parametrize("said", [{}, {"model": "clip"}, {"model": "teller"}])
def test_words_for_a_picture(server: str, said: dict[str, str]) -> None:
    assert post(server, "interrogate", image=GIVEN, **said) == {"caption": "words 0"}
    assert [(job["task"], job["model"]) for job in jobs_of(server)] == [("image-to-text", "teller")]


def test_a_server_that_describes_nothing_says_so(settings: Settings) -> None:
    settings.catalog.write_text(MODELS)

    with serving(settings) as server:
        refused = httpx.post(f"{server}/sdapi/v1/interrogate", json={"image": GIVEN, "model": "clip"})

    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "model")
    assert "there are none" in refused.json()["error"]["message"]
