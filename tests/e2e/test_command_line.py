"""`easel generate` on the real stack, as people and scripts type it: piped, misspelt, interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.e2e.stack import Stack, easel_up, until
from tests.ports import free_port

pytestmark = pytest.mark.slow

EASEL = Path(sys.executable).parent / "easel"


def run(stack: Stack, *words: str | Path, prompts: str | None = None, **environment: str) -> Any:
    """The command as a script runs it: no terminal anywhere."""
    return subprocess.run(
        [EASEL, *words],
        env={**os.environ, "EASEL_URL": str(stack.http.base_url), **environment},
        input=prompts,
        stdin=None if prompts is not None else subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_words_need_no_quotes_and_pipes_no_dash(stack: Stack, tmp_path: Path) -> None:
    # Given a prompt typed without quotes
    out = tmp_path / "new" / "{seed}.png"
    typed = run(stack, "generate", "a", "red", "apple", "--steps", "2", "--seed", "7", "-n", "2", "--out", out)
    # Then it is one prompt, and the files are named as wished; nothing but them is printed
    assert typed.returncode == 0, typed.stderr
    assert typed.stdout.split() == [str(tmp_path / "new" / f"{seed}.png") for seed in (7, 8)]
    assert typed.stderr == ""
    with Image.open(tmp_path / "new" / "8.png") as image:
        assert json.loads(image.info["easel"])["prompt"] == "a red apple"
    # and a pipe is read without being asked to
    piped = run(stack, "generate", "--steps", "2", "--json", "--out", tmp_path / "{id}.webp", prompts="a bee\na sun\n")
    jobs = json.loads(piped.stdout)
    assert [job["parameters"]["prompt"] for job in jobs] == ["a bee", "a sun"]
    assert [job["files"] for job in jobs] == [[str(tmp_path / f"{job['id']}.webp")] for job in jobs]


def test_pictures_are_drawn_over_and_pass_through_pipes(stack: Stack, tmp_path: Path) -> None:
    # Given a picture of one command, when another draws it over
    pear = tmp_path / "pear.png"
    line = f"{EASEL} generate an apple --steps 2 --out - | {EASEL} generate a pear --steps 4 --image - --out {pear}"
    piped = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"],
        env={**os.environ, "EASEL_URL": str(stack.http.base_url)},
        capture_output=True,
        text=True,
        check=False,
    )
    # Then it is there, and nothing but its name was printed
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, f"{pear}\n", "")
    with Image.open(pear) as image:
        assert json.loads(image.info["easel"])["prompt"] == "a pear"
    # and a part of it can be drawn anew, a second time over the same file by force only
    mask = tmp_path / "mask.png"
    Image.new("L", (256, 256), 255).save(mask)
    words = ("generate", "a plum", "--steps", "4", "--image", pear, "--mask", mask, "--out", pear)
    refused = run(stack, *words)
    assert (refused.returncode, "exists" in refused.stderr) == (2, True)
    job = json.loads(run(stack, *words, "--force", "--json").stdout)
    assert (job["task"], job["files"]) == ("inpaint", [str(pear)])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--model", "nope"], 2, "there is no model 'nope'"),
        (["--width", "250"], 2, "256 would fit"),
        (["--style", "nope"], 2, "style"),
        (["--out", "/proc/nowhere/x.png"], 2, "cannot write to /proc/nowhere"),
    ],
)
def test_what_is_asked_wrongly_is_told_before_anything_is_drawn(
    stack: Stack, words: list[str], code: int, said: str
) -> None:
    before = stack.http.get("/v1/generations").json()["data"]
    done = run(stack, "generate", "a fox", *words)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
    assert stack.http.get("/v1/generations").json()["data"] == before


def test_what_is_not_there_is_told(stack: Stack) -> None:
    for command in ("show", "cancel"):
        done = run(stack, command, "gen_nope")
        assert (done.returncode, done.stderr) == (1, "error: there is no such generation\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_cancels_its_job(stack: Stack, tmp_path: Path, number: signal.Signals) -> None:
    # Given a long job that the command waits for
    before = {job["id"] for job in stack.http.get("/v1/generations").json()["data"]}

    def mine() -> dict[str, Any] | None:
        jobs = stack.http.get("/v1/generations").json()["data"]
        return next((job for job in jobs if job["id"] not in before and job["status"] == "running"), None)

    words = [EASEL, "generate", "a whale", "--steps", "100", "-n", "4", "--out", tmp_path / "whale.png"]
    with subprocess.Popen(
        words,
        env={**os.environ, "EASEL_URL": str(stack.http.base_url)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # whoever runs the tests in the background of a shell has them started deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as command:
        job = until(mine, 60, "the job to start")
        # When it is interrupted
        command.send_signal(number)
        _, told = command.communicate(timeout=60)
    # Then it says so, and the job does not go on
    assert (command.returncode, told) == (130, "canceled\n")
    assert stack.finish(job["id"])["status"] == "canceled"


def test_a_wrong_key_is_told(tmp_path: Path) -> None:
    with easel_up(tmp_path / "data", EASEL_API_KEYS="k" * 24) as locked:
        refused = run(locked, "jobs", "--api-key", "wrong")
        assert refused.returncode == 1
        assert "key" in refused.stderr
        asked = run(locked, "jobs", EASEL_API_KEY="k" * 24)
        assert (asked.returncode, asked.stdout) == (0, "no jobs\n")


def test_without_a_server_it_starts_one_for_the_call(tmp_path: Path) -> None:
    # Given no Easel
    environment = {"EASEL_PORT": str(free_port()), "EASEL_DATA_DIR": str(tmp_path / "data"), "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [EASEL, "generate", "a red apple", "--steps", "2", "--out", tmp_path / "apple.png"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    # Then the picture is there all the same, and nothing runs afterwards
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(tmp_path / "apple.png")]
    assert done.stderr == "no Easel is running; starting one for this call …\n"
    with Image.open(tmp_path / "apple.png") as image:
        assert image.size == (256, 256)
    listed = subprocess.run([EASEL, "jobs"], env={**os.environ, **environment}, capture_output=True, check=False)
    assert listed.returncode == 1


def test_every_line_of_a_log_in_json_is_json(tmp_path: Path) -> None:
    # Given a log that a machine reads
    with easel_up(tmp_path / "data", EASEL_LOG_FORMAT="json") as stack:
        stack.finish(stack.post(prompt="an apple", num_inference_steps=2)["id"])
        stack.stop()
    # Then from its start to its end there is nothing else in it
    lines = [json.loads(line) for line in stack.log.read_text().splitlines()]
    assert f"Easel is ready at {str(stack.http.base_url).rstrip('/')}" in [line["message"] for line in lines]
    assert lines[-1]["logger"].startswith("app.")
