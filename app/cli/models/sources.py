"""What a person named as a model: a folder, a file, or a place on the hub; whatever else it is, said in words."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from app.cli.client import AskedWrongly
from core.catalog.families import INDEX
from core.catalog.few_step_names import names_in
from core.catalog.hub_cache import HUB_ID

SINGLE: Final = (".safetensors", ".gguf")
PICKLES: Final = (".ckpt", ".pt", ".pth", ".bin", ".pkl", ".pickle")
ARCHIVES: Final = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
HUB_HOSTS: Final = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
PICKLED: Final = (
    "is pickled, and opening a pickle runs whatever code is in it: look for the same model as .safetensors, or convert "
    "it once where you trust it (diffusers: save_pretrained(..., safe_serialization=True); an upscaler's .pth: "
    'python -c "import torch; from safetensors.torch import save_file; '
    "told = torch.load('IN.pth', weights_only=True); told = told.get('params_ema', told.get('params', told)); "
    "save_file({name: value.contiguous() for name, value in told.items()}, "
    "'OUT.safetensors')\")"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Just one of `path`, a folder with a model_index.json or a single file, and `repo`, a hub id.

    `file` names one file of the repository.
    """

    path: Path | None = None
    repo: str | None = None
    revision: str | None = None
    file: str | None = None

    @property
    def name(self) -> str:
        """What its model may be called after."""
        if self.file is not None:
            return Path(self.file).stem
        if self.repo is not None:
            return self.repo.rpartition("/")[2]
        path = Path(str(self.path))
        return path.stem if path.suffix in SINGLE else path.name

    @property
    def names(self) -> tuple[str, ...]:
        """All that its names are, the most telling first."""
        if self.repo is not None:
            return names_in(self.repo if self.file is None else f"{self.repo}/{self.file}")
        return names_in(str(self.path))


def source_of(typed: str) -> Source:
    """Raises AskedWrongly, saying what would be right, for what can be no model."""
    said = typed.strip()
    if not said:
        raise AskedWrongly("name a model: a folder, a .safetensors or .gguf file, or a hub id such as owner/name")
    if re.match(r"[a-z][a-z0-9+.-]*://", said, re.IGNORECASE):
        return _from_url(said)
    path = Path(os.path.abspath(Path(said).expanduser()))
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return _from_file(path)
    return _from_hub_id(said, path)


def _from_url(said: str) -> Source:
    url = urlsplit(said)
    own = urlsplit(os.environ.get("HF_ENDPOINT", "")).netloc
    if url.netloc not in HUB_HOSTS and (not own or url.netloc != own):
        raise AskedWrongly(
            f"{said}: Easel fetches models from the hub (huggingface.co) only; download the file with your browser, "
            "then: easel models add PATH"
        )
    parts = [part for part in url.path.split("/") if part]
    if len(parts) < 2 or parts[0] in ("datasets", "spaces", "collections", "papers"):
        raise AskedWrongly(f"{said} is no page of a model: those are https://huggingface.co/owner/name")
    repo = "/".join(parts[:2])
    _check_id(repo)
    if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve", "commit"):
        revision = None if parts[3] == "main" else parts[3]
        file = "/".join(parts[4:]) or None
        if file is not None and not file.endswith(SINGLE):
            raise AskedWrongly(f"{said}: name the model itself, {repo}, or one of its .safetensors or .gguf files")
        return Source(repo=repo, revision=revision, file=file)
    return Source(repo=repo)


def _from_hub_id(said: str, path: Path) -> Source:
    name, _, revision = said.rstrip("/").partition("@")
    parts = name.split("/")
    local = said[0] in "./~\\" or (len(parts) > 1 and Path(parts[0]).is_dir())
    if not local and len(parts) == 2 and not name.lower().endswith((*SINGLE, *PICKLES, *ARCHIVES)):
        _check_id(name)
        return Source(repo=name, revision=revision or None)
    if not local and len(parts) > 2 and name.endswith(SINGLE) and HUB_ID.fullmatch("/".join(parts[:2])):
        return Source(repo="/".join(parts[:2]), revision=revision or None, file="/".join(parts[2:]))
    raise AskedWrongly(f"there is no folder or file {said}{_meant(path)}; a hub id would be owner/name")


def _check_id(name: str) -> None:
    if not HUB_ID.fullmatch(name):
        raise AskedWrongly(f"'{name}' is no hub id: those are owner/name, of letters, digits, '-', '_' and '.'")


def _meant(path: Path) -> str:
    """The nearest of what lies where the path broke off."""
    home = next(folder for folder in path.parents if folder.is_dir())
    missing = path.relative_to(home).parts[0]
    try:
        near = difflib.get_close_matches(missing, [each.name for each in home.iterdir()], n=1, cutoff=0.6)
    except OSError:
        near = []
    if near:
        return f" (did you mean {home / near[0]}?)"
    return f" ({home} has no '{missing}')" if home != path.parent else ""


def _from_folder(folder: Path) -> Source:
    if (folder / INDEX).is_file():
        return Source(path=folder)
    single = sorted(file for file in folder.iterdir() if file.suffix.lower() in SINGLE and file.is_file())
    if len(single) == 1 and not (folder / "config.json").is_file():
        return _from_file(single[0])
    inner = sorted(index.parent for index in folder.glob(f"*/{INDEX}"))
    inner += sorted(index.parent for index in folder.glob(f"*/*/{INDEX}"))
    if inner:
        raise AskedWrongly(f"{folder} is no model itself, but {inner[0]} is: easel models add {inner[0]}")
    if (folder / "adapter_config.json").is_file():
        raise AskedWrongly(
            f"{folder} is a LoRA (it has an adapter_config.json), which changes a model and is none: name the model "
            f"that it is for: easel models add MODEL --lora {folder}"
        )
    if (folder / "config.json").is_file():
        raise AskedWrongly(
            f"{folder} is one component, with a config.json and no {INDEX}: name the folder of the whole pipeline"
        )
    if single:
        names = ", ".join(file.name for file in single[:3]) + (", …" if len(single) > 3 else "")
        raise AskedWrongly(f"{folder} has several files: {names}; name one of them")
    if pickled := sorted(file for file in folder.iterdir() if file.suffix.lower() in PICKLES):
        raise AskedWrongly(f"{pickled[0]} {PICKLED}")
    raise AskedWrongly(f"{folder} is no model: it has no {INDEX}, and no .safetensors or .gguf file")


def _from_file(file: Path) -> Source:
    suffix = file.suffix.lower()
    if file.name == INDEX:
        return Source(path=file.parent)
    if suffix in PICKLES:
        raise AskedWrongly(f"{file} {PICKLED}")
    if suffix in ARCHIVES:
        raise AskedWrongly(f"{file} is an archive: unpack it, and name the folder or file that was in it")
    if suffix not in SINGLE:
        raise AskedWrongly(f"{file} is no model: those are folders with a {INDEX}, and .safetensors or .gguf files")
    if not file.is_file() or file.stat().st_size == 0:
        raise AskedWrongly(f"{file} is empty: its download broke off; fetch it again")
    return Source(path=file)
