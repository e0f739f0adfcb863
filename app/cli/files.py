"""Where finished pictures go: a file, numbered files, a folder or standard output; and never over what is there."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.cli.client import ClientError

STDOUT: Final = "-"
DEFAULT: Final = "easel.png"
FORMATS: Final = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}
EXTENSIONS: Final = {"png": ".png", "jpeg": ".jpg", "webp": ".webp"}


@dataclass(frozen=True, slots=True)
class Destination:
    """What `--out`, `--format` and `--force` say together. `out` is None where nothing was said."""

    out: str | None
    format_name: str | None
    force: bool = False

    @property
    def is_stdout(self) -> bool:
        """Whether the bytes go to standard output."""
        return self.out == STDOUT

    @property
    def is_folder(self) -> bool:
        """Whether files get names of their own in a folder."""
        return self.out is not None and not self.is_stdout and (self.out.endswith("/") or Path(self.out).is_dir())

    @property
    def path(self) -> Path:
        """The file or folder."""
        return Path(self.out or DEFAULT)

    def format(self) -> str:
        """What the pictures are to be made in. Raises ClientError for a name that asks for nothing we make."""
        if self.is_stdout or self.is_folder:
            return self.format_name or "png"
        named = FORMATS.get(self.path.suffix.lower())
        if named is None:
            raise _wrong(f"--out {self.out}: name a .png, .jpg or .webp file, a folder/, or - for the output")
        if self.format_name not in (None, named):
            raise _wrong(f"--out {self.out} and --format {self.format_name} do not fit: leave one out")
        return named

    def check(self, pictures: int, as_json: bool) -> None:
        """Before anything is drawn that could not be kept. Raises ClientError."""
        self.format()
        if self.is_stdout:
            if pictures > 1:
                raise _wrong(f"--out -: {pictures} pictures do not go into one output; ask for one, or name a folder/")
            if as_json:
                raise _wrong("--out - and --json both write to the output: choose one")
            if sys.stdout.isatty():
                raise _wrong("--out -: a terminal shows no picture; pipe it, as in: easel generate … --out - > x.png")
            return
        folder = self.path if self.is_folder else self.path.parent
        _check_folder(folder, str(self.out or DEFAULT))
        if self.out is not None and not self.is_folder and not self.force and "{" not in self.path.name:
            taken = [path for path in numbered(self.path, pictures) if path.exists()]
            if taken:
                raise _wrong(f"{taken[0]} is there already: --force writes over it")

    def paths(self, job: Mapping[str, Any], index: int, prompts: int) -> list[Path]:
        """A file for each picture of the job of prompt number `index` of `prompts`."""
        outputs: Sequence[Mapping[str, Any]] = job["outputs"]
        if self.is_folder:
            extension = EXTENSIONS[self.format()]
            return [self._free(self.path / f"{job['id']}-{output['index']}{extension}") for output in outputs]
        count = len(outputs)
        if "{" in self.path.name:
            words = [{"{id}": job["id"], "{seed}": str(output["seed"])} for output in outputs]
            filled = [self.path.with_name(_filled(self.path.name, each)) for each in words]
            if len(set(filled)) < count:
                filled = [numbered(path, count)[number] for number, path in enumerate(filled)]
            if prompts > 1 and "{id}" not in self.path.name:
                filled = [numbered(path, prompts)[index] for path in filled]
            return [self._free(path) for path in filled]
        return [self._free(path) for path in numbered(numbered(self.path, prompts)[index], count)]

    def _free(self, path: Path) -> Path:
        return path if self.force else free(path)


def numbered(out: Path, count: int) -> list[Path]:
    """`out` itself for one picture; `out-0`, `out-1`, … for several."""
    if count == 1:
        return [out]
    return [out.with_name(f"{out.stem}-{index}{out.suffix}") for index in range(count)]


def free(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3`, … that is not there yet."""
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found


def _filled(name: str, words: Mapping[str, str]) -> str:
    for brace, word in words.items():
        name = name.replace(brace, word)
    return name


def _check_folder(folder: Path, out: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _wrong(f"--out {out}: cannot write to {folder}: {error.strerror}") from error


def _wrong(message: str) -> ClientError:
    return ClientError(message, "invalid_value", asked_wrongly=True)
