"""Where the pictures of `easel generate` go, and that nothing that is there is lost."""

from __future__ import annotations

import json
import resource
from pathlib import Path

import httpx
import pytest

from app.cli.files import destination_of
from app.cli.writing import written_anew
from tests.app.cli.conftest import Easel
from tests.app.fake_worker import PICTURE


@pytest.mark.usefixtures("drawing")
def test_without_a_name_pictures_take_the_next_that_is_free(easel: Easel, folder: Path) -> None:
    # Given a picture, when more are drawn, even by force
    first = easel("generate", "a fox")
    second = easel("generate", "a fox", "-n", 2, "--force")
    # Then all of them are there
    assert (first.stdout, second.stdout) == ("easel.png\n", "easel-2.png\neasel-3.png\n")
    assert sorted(path.name for path in folder.iterdir()) == ["easel-2.png", "easel-3.png", "easel.png"]


@pytest.mark.parametrize(
    ("there", "words"),
    [
        ("fox.png", ["--out", "fox.png"]),
        ("fox-1.png", ["--out", "fox.png", "-n", "2"]),
        ("fox-8.png", ["--out", "fox-{seed}.png", "--seed", "7", "-n", "2"]),
        ("new/fox.webp", ["--out", "new/fox.webp"]),
    ],
)
def test_a_file_that_is_there_is_refused_before_anything_is_drawn(
    easel: Easel, server: str, folder: Path, there: str, words: list[str]
) -> None:
    # Given
    (folder / there).parent.mkdir(exist_ok=True)
    (folder / there).write_text("mine")
    # When
    done = easel("generate", "a fox", *words)
    # Then
    assert done.exit_code == 2
    assert f"{there} exists; use --force (-f) to overwrite it" in done.output
    assert (folder / there).read_text() == "mine"
    assert httpx.get(f"{server}/v1/generations").json()["data"] == []


@pytest.mark.usefixtures("drawing")
def test_by_force_it_is_overwritten(easel: Easel, folder: Path) -> None:
    for option in ("--force", "-f"):
        (folder / "fox.png").write_text("mine")
        assert easel("generate", "a fox", "--out", "fox.png", option).stdout == "fox.png\n"
        assert (folder / "fox.png").read_bytes() == PICTURE


def test_a_name_that_was_taken_while_it_was_drawn_is_nobodys_loss(folder: Path) -> None:
    # Given
    destination = destination_of("fox.png", None, prompts=1, n=1, seed=None, force=False)
    job = {"id": "gen_1", "outputs": [{"index": 0, "seed": 1, "url": "/0.png"}]}
    # When somebody else is faster
    (folder / "fox.png").write_text("mine")
    written = destination.save(0, job, lambda url: b"picture")
    # Then both are there
    assert written == [Path("fox-2.png")]
    assert ((folder / "fox.png").read_text(), (folder / "fox-2.png").read_text()) == ("mine", "picture")


def test_half_a_picture_does_not_stay(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="large"):
            written_anew(Path("fox.png"), bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("drawing")
def test_a_folder_gets_a_file_a_picture(easel: Easel, folder: Path) -> None:
    # When there is no such folder yet, and when there is
    job = json.loads(easel("generate", "a fox", "-n", 2, "--out", "foxes/", "--json").stdout)
    more = json.loads(easel("generate", "-", "--out", "foxes", "--format", "jpeg", "--json", stdin="a\nb\n").stdout)
    # Then
    assert job["files"] == [f"foxes/{job['id']}-{index}.png" for index in (0, 1)]
    assert [each["files"] for each in more] == [[f"foxes/{each['id']}-0.jpg"] for each in more]
    assert len(list((folder / "foxes").iterdir())) == 4


@pytest.mark.usefixtures("drawing")
def test_names_of_several_are_filled_in_or_numbered(easel: Easel) -> None:
    def names(*words: str | int) -> list[str]:
        return easel("generate", "-", *words, stdin="a bee\na moon\n").stdout.split()

    assert names("--out", "x.png") == ["x-0.png", "x-1.png"]
    assert names("--out", "y.png", "-n", 2) == ["y-0-0.png", "y-0-1.png", "y-1-0.png", "y-1-1.png"]
    assert names("--out", "{seed}.png", "--seed", 7) == ["7-0.png", "7-1.png"]


@pytest.mark.usefixtures("drawing")
@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["--out", "x.jpg"], "jpeg"),
        (["--out", "x.JPEG"], "jpeg"),
        (["--out", "x.jpg", "--format", "JPG"], "jpeg"),
        (["--out", "x", "--format", "webp"], "webp"),
        (["--out", "./"], "png"),
    ],
)
def test_the_format_is_said_or_in_the_name(easel: Easel, words: list[str], asked: str) -> None:
    assert json.loads(easel("generate", "a fox", *words, "--json").stdout)["output"]["format"] == asked


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", ""], "--out: it is empty"),
        (["--out", "x.gif"], "one of .png, .jpg, .webp, .txt, .jpeg, or say --format"),
        (["--out", "x.png", "--format", "webp"], "leave one of them out"),
        (["--out", "-", "-n", "2"], "standard output takes one picture"),
        (["--out", "-", "--json"], "leave out --json and --open"),
        (["--out", "-", "--open"], "leave out --json and --open"),
        (["--out", "/proc/nowhere/"], "cannot write to /proc/nowhere"),
    ],
)
def test_what_cannot_be_is_told(easel: Easel, words: list[str], said: str) -> None:
    done = easel("generate", "a fox", *words)
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.usefixtures("drawing")
def test_a_picture_that_cannot_be_written_is_kept_by_the_server(easel: Easel, server: str) -> None:
    done = easel("generate", "a fox", "--out", "/dev/full", "--format", "png", "--force")

    assert done.exit_code == 1
    assert "cannot write /dev/full: No space left on device; the picture is kept as" in done.output
    job = httpx.get(f"{server}/v1/generations").json()["data"][0]
    assert job["outputs"][0]["url"].rpartition("/v1/")[2] in done.output.replace("\n", "")
