"""Where pictures go: into files, a folder's or named ones, or to standard output. Nothing is overwritten unasked."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from app.cli.client import AskedWrongly, ClientError
from app.cli.formats import EXTENSIONS, STANDARD_OUTPUT, format_of, is_folder
from app.cli.writing import check_folder, written_anew

Job = Mapping[str, Any]
Download = Callable[[str], bytes]


class Destination(Protocol):
    """Where the pictures of a call go, and in which format."""

    @property
    def format(self) -> str:
        """What to ask the server for."""

    def save(self, prompt: int, job: Job, download: Download) -> list[Path]:
        """Fetch the pictures of `job`, drawn for that prompt; returns the files written. Raises ClientError."""


def destination_of(
    out: str | None, said: str | None, *, prompts: int, n: int, seed: int | None, force: bool
) -> Destination:
    """What `--out` and `--format` say. Raises AskedWrongly for what cannot be, before anything is drawn."""
    if out == "":
        raise AskedWrongly("--out: it is empty; name a file, a folder, or - for standard output")
    chosen = format_of(out, said)
    if out == STANDARD_OUTPUT:
        if prompts * n > 1:
            raise AskedWrongly(
                "--out -: standard output takes one picture; name a folder for several, such as --out ./"
            )
        if sys.stdout is None:
            raise AskedWrongly("--out -: standard output is closed")
        if sys.stdout.isatty() and not force:
            raise AskedWrongly("--out -: a picture is nothing to show as text; redirect it, or use --force")
        return StandardOutput(chosen)
    files = Files(chosen, _names(out, chosen, prompts), force, ours=out is None)
    files.check(n, seed)
    return files


def _names(out: str | None, chosen: str, prompts: int) -> list[Path]:
    """One for each prompt."""
    if out is None:
        return [Path(f"easel.{EXTENSIONS[chosen]}")] * prompts
    name = Path(out) / f"{{id}}-{{index}}.{EXTENSIONS[chosen]}" if is_folder(out) else Path(out)
    return [name] * prompts if "{id}" in name.name else numbered(name, prompts)


@dataclass(frozen=True, slots=True)
class StandardOutput:
    """The bytes of one picture, and nothing else."""

    format: str

    def save(self, prompt: int, job: Job, download: Download) -> list[Path]:
        """Writes no file."""
        sys.stdout.buffer.write(download(job["outputs"][0]["url"]))
        sys.stdout.buffer.flush()
        return []


@dataclass(frozen=True, slots=True)
class Files:
    """A name for each prompt, with `{id}`, `{seed}` and `{index}` filled in; numbered where that names several alike.

    A name that is `ours` is not numbered: each picture takes the next one that is free.
    """

    format: str
    names: Sequence[Path]
    force: bool
    ours: bool = False

    def check(self, n: int, seed: int | None) -> None:
        """Raise AskedWrongly for a folder that cannot be written to, and for a file that would be overwritten."""
        for folder in dict.fromkeys(name.parent for name in self.names):
            check_folder(folder)
        if self.force or self.ours:
            return
        for prompt, name in enumerate(self.names):
            if "{id}" in name.name or (seed in (None, -1) and "{seed}" in name.name):
                continue  # the server chooses what is in it
            seeds = [(seed or 0) + index for index in range(n)]
            taken = next((path for path in self._paths(prompt, "", seeds) if os.path.lexists(path)), None)
            if taken is not None:
                raise AskedWrongly(f"--out: {taken} exists; use --force (-f) to overwrite it")

    def save(self, prompt: int, job: Job, download: Download) -> list[Path]:
        """A name that somebody took meanwhile becomes the next one that is free."""
        paths = self._paths(prompt, job["id"], [output["seed"] for output in job["outputs"]])
        return [
            self._write(path, download(output["url"]), output["url"])
            for path, output in zip(paths, job["outputs"], strict=True)
        ]

    def _paths(self, prompt: int, job_id: str, seeds: Sequence[int]) -> list[Path]:
        """One for each picture."""
        name = self.names[prompt]
        words = [{"{id}": job_id, "{seed}": str(seed), "{index}": str(index)} for index, seed in enumerate(seeds)]
        filled = [name.with_name(_filled(name.name, each)) for each in words]
        if self.ours or len(set(filled)) == len(filled):
            return filled
        return [numbered(path, len(filled))[index] for index, path in enumerate(filled)]

    def _write(self, path: Path, content: bytes, url: str) -> Path:
        try:
            if not self.force or self.ours:
                return written_anew(path, content)
            path.write_bytes(content)
            return path
        except OSError as error:
            raise ClientError(f"cannot write {path}: {error.strerror}; the picture is kept as {url}") from error


def numbered(name: Path, count: int) -> list[Path]:
    """`name` itself for one; `name-0`, `name-1`, … for several."""
    return [name] if count == 1 else [name.with_stem(f"{name.stem}-{index}") for index in range(count)]


def _filled(name: str, words: Mapping[str, str]) -> str:
    for brace, word in words.items():
        name = name.replace(brace, word)
    return name
