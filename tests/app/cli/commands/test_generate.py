"""`easel generate` against the application over HTTP: what it asks for, and what it says when it was asked wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.app.cli.conftest import Easel, picture
from tests.app.fake_worker import FakeWorker


def jobs(server: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{server}/v1/generations").json()["data"]
    return found


@pytest.mark.usefixtures("drawing")
def test_what_the_options_say_is_asked_for(easel: Easel) -> None:
    # When
    done = easel(
        "generate", "a", "red", "apple", "--size", "256x192", "--steps", 5, "--guidance", 3.5, "--seed", 7, "-n", 2,
        "--negative-prompt", "blur", "--scheduler", "euler", "--noise-schedule", "karras",
        "--prompt-syntax", "weighted", "--format", "webp", "--json",
    )  # fmt: skip

    # Then
    assert done.exit_code == 0, done.output
    job = json.loads(done.stdout)
    asked = {
        "prompt": "a red apple",
        "negative_prompt": "blur",
        "width": 256,
        "height": 192,
        "num_inference_steps": 5,
        "guidance_scale": 3.5,
        "scheduler": "euler",
        "noise_schedule": "karras",
        "prompt_syntax": "weighted",
        "tiling": False,
        "chaos": 0,
        "weird": 0,
    }
    assert (job["task"], job["parameters"]) == ("text-to-image", asked)
    assert (job["seeds"], job["output"]["format"]) == ([7, 8], "webp")
    assert job["files"] == ["easel.webp", "easel-2.webp"]


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    "option", [["--size", "128x192"], ["--size", "128X192"], ["--width", "128", "--height", "192"]]
)
def test_a_size_is_one_word_or_two_numbers(easel: Easel, option: list[str]) -> None:
    done = easel("generate", "an apple", *option, "--json")

    parameters = json.loads(done.stdout)["parameters"]
    assert (parameters["width"], parameters["height"]) == (128, 192)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--size", "512"], "--size 512: say width x height, such as 512x384"),
        (["--size", "256x256", "--width", "256"], "leave out --width and --height"),
        (["--size", "250x256"], "256 would fit"),
        (["--image", "missing.png"], "--image missing.png: No such file"),
        (["--image", "."], "--image .: Is a directory"),
        (["--image", "empty.png"], "--image empty.png: there is nothing in it"),
        (["--image", "empty.png", "--mask", "missing.png"], "empty.png"),
        (["--image", "words.txt"], "'inputs.image' cannot be read as a PNG, JPEG or WebP picture"),
        (["--image", f"gen_{'0' * 40}"], "there is no generation"),
        (["--mask", "mask.png"], "inpaint takes image and mask"),
        (["--strength", "0.5"], "strength"),
        (["--guidance", "nan"], "cannot be sent"),
        (["--negative-prompt", "\udcff"], "no valid UTF-8"),
        (["--task", "nonsense"], "there is no task 'nonsense'"),
        (["--format", "gif"], "there is png, jpeg, webp"),
    ],
)
def test_what_is_asked_wrongly_is_told(easel: Easel, server: str, folder: Path, words: list[str], said: str) -> None:
    # Given
    (folder / "empty.png").touch()
    (folder / "words.txt").write_text("no picture")
    (folder / "mask.png").write_bytes(picture("L"))

    # When
    done = easel("generate", "an apple", *words)

    # Then
    assert (done.exit_code, "Traceback" in done.output) == (2, False)
    assert said in done.output
    assert jobs(server) == []


@pytest.mark.usefixtures("drawing")
def test_prompts_of_a_file_are_drawn_one_after_the_other(easel: Easel, folder: Path) -> None:
    (folder / "prompts.txt").write_text("a bee\n\n  a moon \n")

    done = easel("generate", "--from", "prompts.txt", "--out", "{id}.png", "--json")

    found = json.loads(done.stdout)
    assert [job["parameters"]["prompt"] for job in found] == ["a bee", "a moon"]
    assert [job["files"] for job in found] == [[f"{job['id']}.png"] for job in found]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_cancels_its_job(server: str, folder: Path, worker: FakeWorker, number: signal.Signals) -> None:
    # Given a job that waits
    worker.announce()
    with subprocess.Popen(
        [Path(sys.executable).parent / "easel", "generate", "a whale"],
        env={**os.environ, "EASEL_URL": server},
        stderr=subprocess.PIPE,
        text=True,
        # whoever runs the tests in the background of a shell has them started deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        while not jobs(server):
            time.sleep(0.05)
        time.sleep(0.2)
        # When
        command.send_signal(number)
        _, told = command.communicate(timeout=30)
    # Then
    assert (command.returncode, told) == (130, "canceled\n")
    assert [job["status"] for job in jobs(server)] == ["canceled"]
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("drawing")
def test_a_prompt_with_parameters_is_a_group(easel: Easel, folder: Path, server: str) -> None:
    # When a prompt in Midjourney's syntax makes four jobs
    done = easel("generate", "--parameters", "a {red, blue} {fox, cat} --ar 3:2 --v 7", "--out", "fox.png", "--json")

    # Then each is drawn and saved, and what changes nothing is told
    assert done.exit_code == 0, done.output
    drawn = json.loads(done.stdout)
    assert [job["parameters"]["prompt"] for job in drawn] == ["a red fox", "a red cat", "a blue fox", "a blue cat"]
    assert [job["files"] for job in drawn] == [[f"fox-{place}.png"] for place in range(4)]
    assert all((folder / f"fox-{place}.png").is_file() for place in range(4))
    assert "'--v 7' names a model of Midjourney's" in done.stderr
    (group,) = httpx.get(f"{server}/v1/groups").json()["data"]
    assert group["counts"]["succeeded"] == 4


def test_parameters_that_are_wrong_are_told(easel: Easel, folder: Path, server: str) -> None:
    done = easel("generate", "--parameters", "a fox --ar wide")
    assert (done.exit_code, "such as 16:9" in done.stderr) == (2, True)
    several = easel("generate", "--parameters", "-", stdin="a fox\na cat\n")
    assert (several.exit_code, "one prompt at a time" in several.stderr) == (2, True)
    # of a group, nothing goes to standard output; what was queued is canceled
    to_output = easel("generate", "--parameters", "a {red, blue} fox", "--out", "-", "--force")
    assert (to_output.exit_code, "one picture" in to_output.stderr) == (2, True)
    assert {job["status"] for job in jobs(server)} == {"canceled"}
