"""`easel generate` against the real api, with a worker that draws nothing: pictures in, pictures out, and where to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.client import ClientError
from app.cli.files import Destination, free
from app.cli.inputs import read_inputs, size_of
from tests.app.fake_worker import PICTURE, FakeWorker
from tests.app.wires.openai.files import file_of, plain

EASEL = Path(sys.executable).parent / "easel"


@pytest.fixture
def url(server: str, worker: FakeWorker) -> Iterator[str]:
    with worker:
        yield server


def easel(url: str, folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """The command as a script runs it, in `folder`."""
    settings: dict[str, Any] = {"capture_output": True, "stdin": subprocess.DEVNULL, **options}
    return subprocess.run([EASEL, *words], env={**os.environ, "EASEL_URL": url}, cwd=folder, check=False, **settings)


def generate(url: str, folder: Path, *words: str, code: int = 0) -> str:
    done = easel(url, folder, "generate", "a hat", *words)
    assert (done.returncode, b"Traceback" in done.stderr) == (code, False), done.stderr.decode()
    return (done.stdout if code == 0 else done.stderr).decode()


def newest(url: str) -> dict[str, Any]:
    job: dict[str, Any] = httpx.get(f"{url}/v1/generations").json()["data"][0]
    return job


def test_a_picture_and_its_mask_come_from_files(url: str, tmp_path: Path) -> None:
    (tmp_path / "red.png").write_bytes(file_of(plain(300, 200)))

    generate(url, tmp_path, "--image", "red.png", "--mask", "red.png", "--strength", "0.7", "--size", "256x192")

    job = newest(url)
    told = job["parameters"]
    assert (job["task"], told["strength"], told["width"], told["height"]) == ("inpaint", 0.7, 256, 192)
    assert (tmp_path / "easel.png").read_bytes() == PICTURE


def test_an_earlier_result_is_named_by_its_id(url: str, tmp_path: Path) -> None:
    generate(url, tmp_path)
    first = newest(url)["id"]

    said = generate(url, tmp_path, "--image", f"{first}:3", code=1)
    assert f"generation '{first}' is succeeded and has no output 3" in said


def test_nothing_is_written_over_in_silence(url: str, tmp_path: Path) -> None:
    # Given a picture that is there
    (tmp_path / "hat.png").write_text("mine")

    # When its name is asked for, Then it is told before anything is drawn
    said = generate(url, tmp_path, "--out", "hat.png", code=2)
    assert "hat.png is there already: --force writes over it" in said
    assert httpx.get(f"{url}/v1/generations").json()["data"] == []
    assert (tmp_path / "hat.png").read_text() == "mine"

    # and one who means it says so
    generate(url, tmp_path, "--out", "hat.png", "--force")
    assert (tmp_path / "hat.png").read_bytes() == PICTURE


def test_without_a_name_it_takes_the_next_free_one(url: str, tmp_path: Path) -> None:
    written = [generate(url, tmp_path).strip() for _ in range(3)]
    assert written == ["easel.png", "easel-2.png", "easel-3.png"]


def test_a_folder_gives_each_a_name_of_its_own(url: str, tmp_path: Path) -> None:
    written = generate(url, tmp_path, "--out", "new/hats/", "-n", "2", "--format", "webp").split()

    job = newest(url)
    assert written == [f"new/hats/{job['id']}-{index}.webp" for index in (0, 1)]
    assert job["output"]["format"] == "webp"
    assert all((tmp_path / path).exists() for path in written)


def test_the_output_gets_the_bytes_and_nothing_else(url: str, tmp_path: Path) -> None:
    done = easel(url, tmp_path, "generate", "a hat", "--out", "-")
    assert (done.returncode, done.stdout, done.stderr) == (0, PICTURE, b"")
    assert list(tmp_path.glob("*.png")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "-", "-n", "2"], "2 pictures do not go into one output"),
        (["--out", "-", "--json"], "choose one"),
        (["--out", "hat.gif"], "name a .png, .jpg or .webp file, a folder/, or -"),
        (["--out", "hat.png", "--format", "webp"], "do not fit"),
        (["--size", "large"], "WIDTHxHEIGHT"),
        (["--size", "256x256", "--width", "128"], "one or the other"),
        (["--image", "missing.png"], "cannot read it: No such file"),
        (["--mask", __file__], "cannot be read as a PNG, JPEG or WebP picture"),
        (["--task", "text-to-smell"], "there is no task 'text-to-smell'"),
    ],
)
def test_what_is_asked_wrongly_is_told(url: str, tmp_path: Path, words: list[str], said: str) -> None:
    assert said in generate(url, tmp_path, *words, code=2).replace("\n", " ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("words", [["generate", "a hat", "--json"], ["models"], ["jobs", "--json"], ["--version"]])
def test_an_output_that_is_full_is_told(url: str, tmp_path: Path, words: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = easel(url, tmp_path, *words, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (1, b"error: cannot write to the output: No space left on device\n")


def test_a_reader_who_has_had_enough_is_no_error(url: str, tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as broken:
        done = easel(url, tmp_path, "models", "--json", capture_output=False, stdout=broken, stderr=subprocess.PIPE)
    assert b"Traceback" not in done.stderr


def test_names_are_filled_in_and_numbered(tmp_path: Path) -> None:
    job = {"id": "gen_a", "outputs": [{"index": 0, "seed": 7}, {"index": 1, "seed": 8}]}

    def names(out: str, prompts: int = 1) -> list[str]:
        return [path.name for path in Destination(str(tmp_path / out), None).paths(job, 0, prompts)]

    assert names("x.png") == ["x-0.png", "x-1.png"]
    assert names("{seed}.png") == ["7.png", "8.png"]
    assert names("{id}.png") == ["gen_a-0.png", "gen_a-1.png"]
    assert names("x.png", prompts=2) == ["x-0-0.png", "x-0-1.png"]
    (tmp_path / "7.png").touch()
    assert names("{seed}.png") == ["7-2.png", "8.png"]
    assert free(tmp_path / "7.png").name == "7-2.png"


def test_inputs_are_files_addresses_and_results(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"bytes")
    given = read_inputs(image=str(tmp_path / "a.png"), mask="gen_" + 40 * "0", control="https://example.com/x.png")
    assert given.files == {"image": b"bytes"}
    assert json.loads(json.dumps(given.named)) == {
        "mask": {"generation": "gen_" + 40 * "0", "index": 0},
        "control": "https://example.com/x.png",
    }
    (tmp_path / "b.png").write_bytes(bytes(20 * 2**20 + 1))
    with pytest.raises(ClientError, match="over the limit of 20"):
        read_inputs(image=str(tmp_path / "b.png"))
    assert size_of("512x384", None, None) == (512, 384)
