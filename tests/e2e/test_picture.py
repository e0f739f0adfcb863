"""A prompt over HTTP becomes a real picture, on the real stack with the bundled model."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image, ImageChops, ImageStat
from standardwebhooks import Webhook

from tests.app.keeper.receiver import Receiver
from tests.e2e.stack import Stack, until

pytestmark = pytest.mark.slow


def picture(stack: Stack, job: dict[str, object], index: int = 0) -> Image.Image:
    response = stack.http.get(httpx.URL(job["outputs"][index]["url"]).raw_path.decode())  # type: ignore[index]
    assert response.status_code == 200
    return Image.open(io.BytesIO(response.content))


def largest_difference(one: Image.Image, other: Image.Image) -> int:
    return max(high for _, high in ImageChops.difference(one, other).getextrema())


def test_post_poll_picture_webhook(stack: Stack, receiver: Receiver) -> None:
    # Given an integrator with a webhook endpoint and the signing secret
    secret = stack.http.get("/v1/webhooks/secret").json()["key"]
    # When they ask for a picture and poll
    job = stack.post(prompt="a red apple", seed=7, num_inference_steps=6, webhook=receiver.url, metadata={"order": "1"})
    assert job["status"] in ("queued", "running")
    job = stack.finish(job["id"])
    # Then the job succeeded and says how
    assert job["status"] == "succeeded", job
    assert (job["attempts"], job["error"], job["metadata"]) == (1, None, {"order": "1"})
    assert {"queue", "denoise", "decode", "store"} <= job["timings"].keys()
    # and the picture is 256x256, not flat, with the recipe inside
    image = picture(stack, job)
    assert (image.format, image.size, image.mode) == ("PNG", (256, 256), "RGB")
    assert max(ImageStat.Stat(image).stddev) > 5
    assert image.info["seed"] == "7"
    assert json.loads(image.info["easel"])["prompt"] == "a red apple"
    # and the webhook came once, with a signature that an independent library accepts
    told = until(lambda: receiver.told_of(job["id"]), 30, "the webhook")[0]
    body = json.loads(told.body)
    assert Webhook(secret).verify(told.body, told.headers) == body
    assert (body["type"], body["data"]["status"]) == ("generation.succeeded", "succeeded")


def test_same_seed_same_picture_and_n_pictures_differ(stack: Stack) -> None:
    # Given one job of two pictures, and two others that ask for the second one's seed, one after the other
    both = stack.finish(stack.post(prompt="a green frog", seed=41, n=2, num_inference_steps=4)["id"])
    again, once_more = (
        stack.finish(stack.post(prompt="a green frog", seed=42, num_inference_steps=4)["id"]) for _ in range(2)
    )
    # When their pixels are compared
    first, second = picture(stack, both, 0), picture(stack, both, 1)
    # Then the same request draws the same picture, to the bit
    assert [image["seed"] for image in both["outputs"]] == [41, 42]
    assert picture(stack, again).tobytes() == picture(stack, once_more).tobytes()
    # and drawn in a batch it differs by rounding only, while another seed draws another picture
    assert largest_difference(second, picture(stack, again)) <= 1
    assert largest_difference(first, second) > 30


@pytest.mark.parametrize(("name", "kind"), [("jpeg", "JPEG"), ("webp", "WEBP")])
def test_other_formats(stack: Stack, name: str, kind: str) -> None:
    job = stack.finish(stack.post(prompt="a boat", num_inference_steps=2, output={"format": name, "quality": 70})["id"])
    assert picture(stack, job).format == kind


def test_running_job_is_canceled(stack: Stack) -> None:
    # Given a long job that runs
    job = stack.post(prompt="a castle", num_inference_steps=100, n=4)
    until(lambda: stack.get(job["id"])["status"] == "running", 30, "the job to start")
    # When it is canceled
    answer = stack.http.post(f"/v1/generations/{job['id']}/cancel")
    # Then it ends as canceled, without pictures
    assert answer.status_code == 200
    ended = stack.finish(job["id"])
    assert (ended["status"], ended["outputs"]) == ("canceled", [])


def test_events_tell_the_whole_story(stack: Stack) -> None:
    # Given a finished job
    job = stack.finish(stack.post(prompt="a star", num_inference_steps=5)["id"])
    # When its events are read from the start
    with stack.http.stream("GET", f"/v1/generations/{job['id']}/events") as response:
        lines = list(response.iter_lines())
    # Then they come in order and end with the whole job
    kinds = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert kinds[:2] == ["queued", "started"]
    assert "progress" in kinds
    assert kinds[-1] == "succeeded"
    data = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    assert data[-1]["outputs"] == job["outputs"]


def test_prefer_wait_answers_with_the_picture(stack: Stack) -> None:
    response = stack.http.post(
        "/v1/generations",
        json={"prompt": "a sun", "num_inference_steps": 2},
        headers={"Prefer": "wait=25"},
    )
    assert (response.status_code, response.json()["status"]) == (200, "succeeded")


def test_command_line_draws(stack: Stack, tmp_path: Path) -> None:
    # Given the running stack
    out = tmp_path / "apple.png"
    command = Path(sys.executable).parent / "easel"
    # When the command line is used as in the README
    done = subprocess.run(
        [
            command,
            "generate",
            "a red apple",
            "--steps",
            "4",
            "--out",
            out,
            "--server",
            str(stack.http.base_url),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    # Then the file is there
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(out)]
    with Image.open(out) as image:
        assert image.size == (256, 256)


def easel(stack: Stack, *arguments: str | Path, prompts: str = "") -> Any:
    """What the command line prints as JSON."""
    command = [Path(sys.executable).parent / "easel", *arguments, "--json", "--server", str(stack.http.base_url)]
    return json.loads(subprocess.run(command, input=prompts, capture_output=True, text=True, check=True).stdout)


def test_command_line_reads_prompts_and_tells_of_jobs(stack: Stack, tmp_path: Path) -> None:
    # Given two prompts on standard input
    out = tmp_path / "many.webp"
    drawn = easel(stack, "generate", "-", "--steps", "2", "--out", out, prompts="a bee\n\na moon\n")
    # Then each has its file
    assert [job["files"] for job in drawn] == [[str(tmp_path / f"many-{index}.webp")] for index in (0, 1)]
    for job in drawn:
        with Image.open(job["files"][0]) as image:
            assert image.format == "WEBP"
    # and the other commands know the jobs
    assert easel(stack, "jobs", "--limit", "1")[0]["id"] == drawn[1]["id"]
    assert easel(stack, "show", drawn[0]["id"])["parameters"]["prompt"] == "a bee"
    assert easel(stack, "cancel", drawn[0]["id"])["status"] == "succeeded"
    assert easel(stack, "models")[0]["id"] == "easel-mini-turbo"
