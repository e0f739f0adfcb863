"""Brings a pipeline from the hub into its cache: only the files that it needs, resumed where it broke off.

Whoever types `easel models add owner/name` asks for the download; a worker never comes here.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from huggingface_hub import HfApi, constants, get_token, hf_hub_download, snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from core.catalog.families import INDEX, family_of
from core.catalog.hub_cache import snapshot_of
from core.errors import EaselError, InvalidRequest, Unavailable
from worker.inspection.files import wanted_files
from worker.pipelines.devices import device_named, pick_dtype
from worker.pipelines.families import leaves_half

GIB: Final = 2**30
LORAS: Final = ("pytorch_lora_weights.safetensors", "adapter_model.safetensors")
"""What diffusers and PEFT call the file of a LoRA."""

SPARE_BYTES: Final = GIB // 2
"""What is to stay free on the disk: a full one breaks more than this download."""


def fetch(
    repo: str,
    revision: str | None,
    *,
    device: str,
    dtype: Any,  # noqa: ANN401 - a name of core.catalog.model.Precision, or None
    parts: Collection[str] | None = None,
) -> dict[str, Any]:
    """The folder of the pipeline `owner/name`, downloaded now unless the cache has it.

    With `parts`, weights of those components alone, beside every configuration and tokenizer: what goes with a file.

    Raises InvalidRequest for what the hub does not have or give, Unavailable for what may go better later.
    """
    with failures_told(repo, revision):
        try:
            info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        except Exception:  # no network, no right, no hub: what was fetched before is as good
            cached = cached_folder(repo, revision, parts)
            if cached is None:
                raise
            return {"folder": str(cached)}
        files = {each.rfilename: each.size or 0 for each in info.siblings or ()}
        if INDEX not in files:
            raise InvalidRequest(no_pipeline(repo, files))
        index = json.loads(Path(hf_hub_download(repo, INDEX, revision=info.sha)).read_text(encoding="utf-8"))
        wanted = wanted_files(files, index, half=runs_in_half(index, device, dtype), parts=parts)
        check_disk(repo, {name: files[name] for name in wanted}, info.sha)
        folder = snapshot_download(repo, revision=revision, allow_patterns=[literal(name) for name in wanted])
    return {"folder": folder}


def cached_folder(repo: str, revision: str | None, parts: Collection[str] | None) -> Path | None:
    """What the cache has of it: the whole pipeline or, where `parts` is empty, its configuration."""
    whole = snapshot_of(repo, revision)
    if whole is not None or parts is None or parts:
        return whole
    index = try_to_load_from_cache(repo, INDEX, revision=revision)
    return Path(index).parent if isinstance(index, str) else None


def fetch_file(repo: str, revision: str | None, name: str) -> dict[str, Any]:
    """One file of a repository, as people paste its address, and `name`, its path there. Raises as `fetch`."""
    with failures_told(repo, revision):
        try:
            info = HfApi().model_info(repo, revision=revision, files_metadata=True)
        except Exception:
            if isinstance(cached := try_to_load_from_cache(repo, name, revision=revision), str):
                return {"file": cached, "name": name}
            raise
        files = {each.rfilename: each.size or 0 for each in info.siblings or ()}
        if name not in files:
            raise InvalidRequest(f"{repo} has no file '{name}'")
        check_disk(repo, {name: files[name]}, info.sha)
        return {"file": hf_hub_download(repo, name, revision=revision), "name": name}


def fetch_lora(repo: str, revision: str | None) -> dict[str, Any]:
    """The LoRA of a repository that is one, found by its usual name or as the only file. Raises as `fetch`."""
    with failures_told(repo, revision):
        try:
            info = HfApi().model_info(repo, revision=revision)
        except Exception:
            for name in LORAS:
                if isinstance(cached := try_to_load_from_cache(repo, name, revision=revision), str):
                    return {"file": cached, "name": name}
            raise
    files = [each.rfilename for each in info.siblings or () if each.rfilename.endswith(".safetensors")]
    found = [name for name in LORAS if name in files] or files
    if not found:
        raise InvalidRequest(f"{repo} has no .safetensors file: look for a LoRA that has")
    if len(found) > 1:
        raise InvalidRequest(f"{repo} has several files: name one of them, such as --lora {repo}/{found[0]}")
    return fetch_file(repo, revision, found[0])


def fetch_component(repo: str, name: str) -> dict[str, Any]:
    """A repository that is one component (a VAE, a text encoder), into the cache. Raises as `fetch`."""
    with failures_told(repo, None):
        try:
            info = HfApi().model_info(repo, files_metadata=True)
        except Exception:
            if isinstance(cached := try_to_load_from_cache(repo, "config.json"), str):
                return {"folder": str(Path(cached).parent)}
            raise
        files = {each.rfilename: each.size or 0 for each in info.siblings or ()}
        if INDEX in files:
            raise InvalidRequest(f"{repo} is a whole pipeline: name a repository that is its {name} alone, or a folder")
        wanted = {file: size for file, size in files.items() if file.endswith((".json", ".safetensors"))}
        if "config.json" not in wanted or not any(file.endswith(".safetensors") for file in wanted):
            raise InvalidRequest(
                f"{repo} is no {name} that can be loaded: it has no config.json with safetensors beside"
            )
        check_disk(repo, wanted, info.sha)
        return {"folder": snapshot_download(repo, allow_patterns=[literal(file) for file in wanted])}


def runs_in_half(index: Mapping[str, Any], device: str, dtype: Any) -> bool:  # noqa: ANN401 - as above
    """Whether the pipeline would be loaded in float16 here: then the smaller files are enough."""
    named = index.get("_class_name")
    overflows = leaves_half(family_of(named), index) if isinstance(named, str) else True
    where = device_named(device)
    return pick_dtype(where, dtype or "auto", half_overflows=overflows) is torch.float16


def no_pipeline(repo: str, files: Collection[str]) -> str:
    """Why a repository is none that can be added, and what of it could."""
    single = [name for name in files if "/" not in name and name.endswith((".safetensors", ".gguf"))]
    if single:
        named = ", ".join(single[:3]) + (", …" if len(single) > 3 else "")
        return (
            f"{repo} has no {INDEX}: it is no diffusers pipeline. It has single files: {named}; add one of them as "
            f"{repo}/{single[0]}, or, if it is a LoRA, with the model that it is for: easel models add MODEL --lora "
            f"{repo}/{single[0]}"
        )
    return (
        f"{repo} has no {INDEX}: it is no diffusers pipeline (a language model or a dataset, perhaps; a LoRA is named "
        f"with the model that it is for: easel models add MODEL --lora {repo})"
    )


def check_disk(repo: str, files: Mapping[str, int], commit: str | None) -> None:
    """Raise InvalidRequest unless what is not cached yet fits on the cache's disk."""
    missing = [name for name in files if not isinstance(try_to_load_from_cache(repo, name, revision=commit), str)]
    needed = sum(files[name] for name in missing)
    cache = Path(constants.HF_HUB_CACHE)
    home = next(folder for folder in (cache, *cache.absolute().parents) if folder.exists())
    free = shutil.disk_usage(home).free
    if needed and needed + SPARE_BYTES > free:
        raise InvalidRequest(
            f"{repo} needs {needed / GIB:.1f} GiB, and {home} has {free / GIB:.1f} GiB free: make room, or set HF_HOME "
            "to a folder on a larger disk",
            code="disk_full",
        )


def literal(name: str) -> str:
    """The file name as a pattern that matches nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


@contextmanager
def failures_told(repo: str, revision: str | None) -> Iterator[None]:
    """Whatever the hub's library raises becomes one error in words that say what to do."""
    try:
        yield
    except (EaselError, KeyboardInterrupt):
        raise
    except GatedRepoError as error:
        raise InvalidRequest(gated(repo), code="gated_model") from error
    except RepositoryNotFoundError as error:
        raise InvalidRequest(
            f"the hub ({constants.ENDPOINT}) has no model '{repo}' that may be seen: look at its spelling; for a "
            f"private one, set HF_TOKEN{' to a token that may read it' if get_token() else ''}",
            code="model_not_found",
        ) from error
    except RevisionNotFoundError as error:
        raise InvalidRequest(f"{repo} has no revision '{revision}': leave it out for the newest") from error
    except HFValidationError as error:
        raise InvalidRequest(f"'{repo}' is no hub id: those are owner/name") from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError) as error:
        raise Unavailable(unreachable(repo, error)) from error
    except HfHubHTTPError as error:
        raise Unavailable(f"the hub ({constants.ENDPOINT}) refused {repo}: {answer_of(error)}") from error
    except Exception as error:  # the library's HTTP client has errors of its own, of no common base with OSError
        raise Unavailable(unreachable(repo, error)) from error


def gated(repo: str) -> str:
    """What a person has to do for a model whose owner wants terms accepted."""
    page = f"{constants.ENDPOINT}/{repo}"
    if get_token():
        return (
            f"{repo} is gated, and your token has no access to it: accept its terms at {page} with the account of the "
            "token, and let the token read gated repositories"
        )
    return (
        f"{repo} is gated: accept its terms at {page}, make a token at {constants.ENDPOINT}/settings/tokens, set "
        "HF_TOKEN to it, and type this again"
    )


def unreachable(repo: str, error: Exception) -> str:
    """No answer, or one that broke off."""
    if constants.is_offline_mode():
        return f"HF_HUB_OFFLINE is set, and {repo} is not in the cache: unset it, or add a folder that you have"
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, ConnectionError):
        return f"{repo} could not be written: {error.strerror}; set HF_HOME to a folder that this user may write to"
    why = f"{type(error.__cause__ or error).__name__}: {error.__cause__ or error}".splitlines()[0][:200]
    return (
        f"{repo} could not be fetched from {constants.ENDPOINT} ({why}): what has come is kept, and the same command "
        "goes on from there. Without a network, copy the model's folder here and add that; a mirror is named by "
        "HF_ENDPOINT"
    )


def answer_of(error: HfHubHTTPError) -> str:
    """The status, and what it means."""
    status = error.response.status_code
    meant = {
        401: "HF_TOKEN is not valid: make another",
        403: "your token may not read it",
        429: "too many requests: wait some minutes, or set HF_TOKEN",
    }
    return f"{status}, {meant.get(status, 'try again later')}"
