"""What `--image` and `--mask` may be, with the application over HTTP: files, a pipe, an address, an earlier output."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.cli.conftest import Easel, picture


@pytest.mark.usefixtures("drawing")
def test_a_picture_and_a_mask_are_sent_along_and_say_what_the_task_is(easel: Easel, folder: Path) -> None:
    # Given two files
    (folder / "in.png").write_bytes(picture())
    (folder / "mask.png").write_bytes(picture("L"))

    # When
    over = json.loads(easel("generate", "a pear", "--image", "in.png", "--strength", 0.6, "--json").stdout)
    parts = json.loads(easel("generate", "a pear", "--image", "in.png", "--mask", "mask.png", "--json").stdout)

    # Then the tasks follow from them, and the size from the picture
    assert (over["task"], over["parameters"]["strength"]) == ("image-to-image", 0.6)
    assert [(given["role"], given["facts"]) for given in over["inputs"]] == [("image", {"width": 288, "height": 192})]
    assert parts["task"] == "inpaint"
    assert [given["role"] for given in parts["inputs"]] == ["image", "mask"]
    # and what came along besides is as it was typed
    named = easel(
        "generate", "x", "--image", "in.png", "--task", "image-to-image", "-n", 2, "--format", "jpg", "--json"
    )
    job = json.loads(named.stdout)
    assert (len(job["outputs"]), job["output"]["format"], job["parameters"]["prompt"]) == (2, "jpeg", "x")


@pytest.mark.usefixtures("drawing")
def test_a_picture_may_be_an_output_of_an_earlier_job(
    easel: Easel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a job with two pictures, real ones
    monkeypatch.setattr("tests.app.fake_worker.PICTURE", picture(size=(256, 256)))
    first = json.loads(easel("generate", "an apple", "-n", 2, "--json").stdout)

    # When its second one is drawn over, and then its first one
    second = json.loads(easel("generate", "a pear", "--image", f"{first['id']}:1", "--json").stdout)
    third = json.loads(easel("generate", "a pear", "--image", first["id"], "--json").stdout)

    # Then they are its children
    assert second["parents"] == [{"generation": first["id"], "index": 1}]
    assert third["parents"] == [{"generation": first["id"], "index": 0}]
    # and beside a file, it says where it is from all the same
    (folder / "mask.png").write_bytes(picture("L"))
    words = ("generate", "a pear", "--image", first["id"], "--mask", "mask.png", "--json")
    assert json.loads(easel(*words).stdout)["task"] == "inpaint"


@pytest.mark.usefixtures("drawing")
def test_a_picture_comes_through_a_pipe(easel: Easel, folder: Path) -> None:
    piped = easel("generate", "a pear", "--image", "-", "--json", stdin=picture())
    assert json.loads(piped.stdout)["task"] == "image-to-image"

    (folder / "prompts.txt").write_text("a pear\n")
    both = easel("generate", "-", "--image", "-", stdin=picture())
    assert (both.exit_code, "standard input holds a picture" in both.output) == (2, True)


def test_an_address_is_the_servers_to_fetch(easel: Easel, server: str) -> None:
    """Which is refused here: this server may not reach its own network."""
    done = easel("generate", "a pear", "--image", f"{server}/v1/results/gen_1/0.png")

    assert done.exit_code == 2
    assert "'inputs.image'" in done.output


def test_a_file_over_the_limit_is_told_unsent(easel: Easel, folder: Path) -> None:
    (folder / "large.png").write_bytes(bytes(20 * 2**20 + 1))

    done = easel("generate", "a pear", "--image", "large.png")

    assert (done.exit_code, "--image large.png: it is over the limit of 20 MiB" in done.output) == (2, True)
