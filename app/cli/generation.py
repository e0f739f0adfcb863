"""Draws from the command line: submit, show progress, save the pictures."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli.client import Client, ClientError

POLL_SECONDS: Final = 0.15
FINISHED: Final = frozenset({"succeeded", "failed", "canceled"})


def draw(client: Client, body: Mapping[str, Any], out: Path, console: Console) -> tuple[dict[str, Any], list[Path]]:
    """Run one generation to its end; returns the job and the files that were written.

    Raises ClientError; Ctrl-C cancels the job.
    """
    _check_folder(out)
    job = client.submit({name: value for name, value in body.items() if value is not None})
    try:
        job = _follow(client, job, console)
    except KeyboardInterrupt:
        client.cancel(job["id"])
        console.print("canceled")
        raise
    if job["status"] != "succeeded":
        error = job["error"] or {"code": job["status"], "message": f"the job was {job['status']}"}
        raise ClientError(error["message"], error["code"])
    paths = paths_of(out, job)
    for image, path in zip(job["images"], paths, strict=True):
        content = client.download(image["url"])
        try:
            path.write_bytes(content)
        except OSError as error:
            raise ClientError(
                f"cannot write {path}: {error.strerror}; the picture is kept as {image['url']}"
            ) from error
    return job, paths


def _check_folder(out: Path) -> None:
    """Before a picture is drawn that could not be kept. Raises ClientError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ClientError(f"--out {out}: cannot write to {out.parent}: {error.strerror}", asked_wrongly=True) from error


def paths_of(out: Path, job: Mapping[str, Any]) -> list[Path]:
    """A file for each picture: what `out` names in braces filled in, or numbered."""
    names = [{"{id}": job["id"], "{seed}": str(image["seed"])} for image in job["images"]]
    filled = [out.with_name(_filled(out.name, words)) for words in names]
    if len(set(filled)) == len(filled):
        return filled
    return [numbered(path, len(filled))[index] for index, path in enumerate(filled)]


def _filled(name: str, words: Mapping[str, str]) -> str:
    for brace, word in words.items():
        name = name.replace(brace, word)
    return name


def numbered(out: Path, count: int) -> list[Path]:
    """`out` itself for one picture; `out-0`, `out-1`, … for several."""
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{index}{out.suffix}") for index in range(count)]


def format_of(out: Path) -> str:
    """The image format that the file's name asks for. Raises ClientError for a name that asks for none."""
    formats = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
    try:
        return formats[out.suffix.lower()]
    except KeyError:
        message = f"--out {out}: name a .png, .jpg or .webp file"
        raise ClientError(message, "invalid_value", asked_wrongly=True) from None


def _follow(client: Client, job: dict[str, Any], console: Console) -> dict[str, Any]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("queued", total=None)
        while job["status"] not in FINISHED:
            progress = job["progress"]
            if job["status"] == "queued":
                bar.update(task, description=f"queued, place {job['queue_position'] or '?'}")
            elif progress and progress["steps"]:
                step, steps = progress["step"], progress["steps"]
                bar.update(task, description=f"step {step} of {steps}", completed=step, total=steps)
            else:
                bar.update(task, description=progress["stage"] if progress else "starting")
            time.sleep(POLL_SECONDS)
            job = client.get(job["id"])
    return job
