"""`easel vary`, `upscale`, `zoom`, `describe` and the like: go on from a finished picture."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.client import AskedWrongly
from app.cli.files import destination_of
from app.cli.generation import follow
from app.cli.inputs import OUTPUT
from app.cli.servers import any_server
from app.cli.terminal import (
    DataDirOption,
    JsonOption,
    KeyOption,
    ServerOption,
    console,
    ended_by_sigterm,
    failures_told,
    settings,
    show,
)
from core.catalog.model import MAX_IMAGES

PictureArgument = Annotated[str, typer.Argument(metavar="ID[:INDEX]", help="gen_…, or gen_…:1 for its second picture.")]
PromptOption = Annotated[str | None, typer.Option("--prompt", help="What to draw, if something else.")]
ModelOption = Annotated[str | None, typer.Option("--model", help="Which model, if not the one that fits.")]
FREE: Final = "easel.png, easel-2.png, …"
NUMBER: Final = re.compile(r"[0-9]*\.?[0-9]+")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What all of these commands have: how many, and where they go."""

    n: int | None
    seed: int | None
    out: str | None
    force: bool
    as_json: bool
    server: str | None
    api_key: str | None
    data_dir: Path | None


def wanted(
    n: Annotated[
        int | None, typer.Option("-n", "--n", help="How many.", min=1, max=MAX_IMAGES, show_default="1; of words 4")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The seed.", show_default="a random one")] = None,
    out: Annotated[str | None, typer.Option(help="File or folder to write.", show_default=FREE)] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that are there.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: KeyOption = None,
    data_dir: DataDirOption = None,
) -> Wanted:
    """The options that all of them have."""
    return Wanted(n, seed, out, force, as_json, server, api_key, data_dir)


def going_on(command: Callable[..., Body]) -> Callable[..., None]:
    """`command`, which says what is to be asked of a picture, as one that asks and fetches."""
    own, shared = signature(command, eval_str=True).parameters, signature(wanted, eval_str=True).parameters

    @wraps(command)
    def run(picture: str, **given: Any) -> None:  # noqa: ANN401 - as the command says
        options = wanted(**{name: given.pop(name) for name in shared})
        with failures_told(), ended_by_sigterm():
            ask(picture, command.__name__.replace("_", "-"), command(picture, **given), options)

    kinds = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in (*own.values(), *shared.values())]
    run.__signature__ = Signature(kinds)  # type: ignore[attr-defined] # typer reads it
    return run


@going_on
def vary(
    picture: PictureArgument,
    strength: Annotated[str, typer.Option(help="subtle, strong, or a number up to 1.")] = "subtle",
    prompt: PromptOption = None,
) -> Body:
    """Draw another picture like it."""
    return {"strength": float(strength) if NUMBER.fullmatch(strength) else strength, "prompt": prompt}


@going_on
def remix(
    picture: PictureArgument,
    prompt: Annotated[list[str], typer.Argument(help="What to draw.")],
    strength: Annotated[float | None, typer.Option(help="How much is drawn anew, up to 1.")] = None,
) -> Body:
    """Draw something else in its composition."""
    return {"prompt": " ".join(prompt), "strength": strength}


@going_on
def pan(
    picture: PictureArgument,
    direction: Annotated[str, typer.Argument(help="left, right, up or down.")],
    by: Annotated[float | None, typer.Option(help="By which share of its side, up to 1.", show_default="0.5")] = None,
    prompt: PromptOption = None,
) -> Body:
    """Let it go on in one direction; what it shows stays."""
    return {"direction": direction, "by": by, "prompt": prompt}


@going_on
def zoom(
    picture: PictureArgument,
    factor: Annotated[float | None, typer.Argument(help="How many times as small, up to 4.", show_default="2")] = None,
    prompt: PromptOption = None,
) -> Body:
    """Zoom out: draw what is around it."""
    return {"factor": factor, "prompt": prompt}


@going_on
def reframe(
    picture: PictureArgument,
    ratio: Annotated[str, typer.Argument(help="Width to height, such as 16:9.")],
    prompt: PromptOption = None,
) -> Body:
    """Bring it to another shape: draw what is missing."""
    return {"ratio": ratio, "prompt": prompt}


@going_on
def extend(
    picture: PictureArgument,
    left: Annotated[int | None, typer.Option(help="Pixels to its left.")] = None,
    top: Annotated[int | None, typer.Option(help="Pixels above it.")] = None,
    right: Annotated[int | None, typer.Option(help="Pixels to its right.")] = None,
    bottom: Annotated[int | None, typer.Option(help="Pixels below it.")] = None,
    prompt: PromptOption = None,
) -> Body:
    """Draw on beside it, by so many pixels on each side."""
    return {"left": left, "top": top, "right": right, "bottom": bottom, "prompt": prompt}


@going_on
def reroll(picture: PictureArgument, prompt: PromptOption = None) -> Body:
    """Ask for the same once more, with another seed."""
    return {"prompt": prompt}


@going_on
def upscale(
    picture: PictureArgument,
    scale: Annotated[float | None, typer.Argument(help="How many times as wide and high.", show_default="2")] = None,
    creative: Annotated[bool, typer.Option("--creative", help="Draw details that were not there.")] = False,
    model: ModelOption = None,
    prompt: PromptOption = None,
) -> Body:
    """Make it larger."""
    return {"scale": scale, "mode": "creative" if creative else None, "model": model, "prompt": prompt}


@going_on
def remove_background(picture: PictureArgument, model: ModelOption = None) -> Body:
    """Cut out what it shows."""
    return {"model": model}


@going_on
def describe(picture: PictureArgument, model: ModelOption = None) -> Body:
    """Find words for it: prompts that could have made it."""
    return {"model": model}


COMMANDS: Final = (upscale, vary, remix, pan, zoom, reframe, extend, reroll, remove_background, describe)


def ask(picture: str, action: str, said: Body, options: Wanted) -> None:
    """Ask for it, wait, fetch. Raises AskedWrongly, ClientError."""
    named = OUTPUT.fullmatch(picture)
    if named is None:
        raise AskedWrongly(f"{picture} is no picture: name gen_…, or gen_…:1 for its second; 'easel jobs' has them")
    destination = destination_of(options.out, None, prompts=1, n=options.n or 1, seed=options.seed, force=options.force)
    told = {**said, "seed": options.seed, "n": options.n}
    body = {name: value for name, value in told.items() if value is not None}
    chosen = settings(data_dir=options.data_dir, workers=1)
    with any_server(options.server, options.api_key, chosen) as reached:
        job = reached.client.go_on(named[1], int(named[2] or 0), action, body)
        job = follow(reached.client, job, reached.wait_ready, console)
        words = [str(output["facts"]["text"]) for output in job["outputs"] if "text" in output["facts"]]
        if words and options.out is None:
            show(job, options.as_json, lambda: "\n".join(words))
            return
        files = [str(file) for file in destination.save(0, job, reached.client.download)]
        show({**job, "files": files}, options.as_json, lambda: "\n".join(files))
