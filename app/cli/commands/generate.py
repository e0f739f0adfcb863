"""`easel generate`: prompts in, files out, on a running Easel or on one started for the call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.client import Client
from app.cli.files import Destination
from app.cli.generation import draw, save
from app.cli.inputs import read_inputs, size_of
from app.cli.terminal import (
    DataDirOption,
    JsonOption,
    KeyOption,
    ServerOption,
    console,
    ended_by_sigterm,
    fail,
    failures_told,
    settings,
    show,
)
from app.stack.up import running_stack
from core.settings import Settings


def generate(
    prompt: Annotated[list[str] | None, typer.Argument(help="What to draw; '-' reads prompts from the input.")] = None,
    out: Annotated[
        str | None,
        typer.Option(
            help="A .png, .jpg or .webp file, in whose name {seed} and {id} are filled in; a folder/; or - for the "
            "output. Several pictures of one name are numbered.",
            show_default="easel.png, or the next free name",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over files that are there.")] = False,
    format_name: Annotated[str | None, typer.Option("--format", help="png, jpeg or webp, for a folder or -.")] = None,
    from_file: Annotated[Path | None, typer.Option("--from", help="A file with a prompt a line.")] = None,
    image: Annotated[str | None, typer.Option(help="Draw over this: a file, a URL or gen_…:index.")] = None,
    mask: Annotated[str | None, typer.Option(help="What of it to draw anew, in white: a file, a URL or gen_….")] = None,
    strength: Annotated[float | None, typer.Option(help="How much of the picture is drawn anew, up to 1.")] = None,
    task: Annotated[str | None, typer.Option(help="A task of the model; unset: as the pictures say.")] = None,
    style: Annotated[str | None, typer.Option(help="A style of the model.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to keep out of the picture.")] = None,
    model: Annotated[str | None, typer.Option(help="A model of 'easel models'.")] = None,
    size: Annotated[str | None, typer.Option(help="WIDTHxHEIGHT in pixels.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the prompt.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="The sampler.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture.")] = None,
    n: Annotated[int | None, typer.Option("-n", "--n", help="How many pictures.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show the picture when it is done.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: KeyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Draw a picture: on a running Easel, or on one started for this call. Ctrl-C cancels it."""
    prompts = prompts_of(" ".join(prompt) if prompt else None, from_file)
    destination = Destination(out, format_name, force)
    with failures_told(), ended_by_sigterm():
        destination.check(len(prompts) * (n or 1), as_json)
        inputs = read_inputs(image=image, mask=mask)
        width, height = size_of(size, width, height)
        body: dict[str, Any] = {
            "task": task, "style": style, "negative_prompt": negative_prompt, "model": model, "width": width,
            "height": height, "num_inference_steps": steps, "guidance_scale": guidance, "scheduler": scheduler,
            "strength": strength, "seed": seed, "n": n, "inputs": inputs.named or None,
            "output": {"format": destination.format()},
        }  # fmt: skip
        # One at a time is drawn, so one worker is enough where this call starts its own; its log is not this call's.
        chosen = settings(data_dir=data_dir, workers=1)
        with connected(chosen, server, api_key) as client:
            jobs = [
                drawn(client, {"prompt": text, **body}, inputs.files, destination, (index, len(prompts)))
                for index, text in enumerate(prompts)
            ]
            if destination.is_stdout:
                sys.stdout.buffer.write(client.download(jobs[0]["outputs"][0]["url"]))
                return
        written = [file for job in jobs for file in job["files"]]
        show(jobs if len(jobs) > 1 else jobs[0], as_json, lambda: "\n".join(written))
        if open_it and typer.launch(written[0]) != 0:
            console.print(f"nothing here opens pictures; it is in {written[0]}")


@contextmanager
def connected(chosen: Settings, server: str | None, api_key: str | None) -> Iterator[Client]:
    """A client of the running Easel, or of one that lives as long as the block."""
    with Client(server or chosen.base_url, api_key) as client:
        if server or client.is_up():
            yield client
            return
    console.print("no Easel is running; starting one for this call …")
    quiet = {} if "EASEL_LOG_LEVEL" in os.environ else {"EASEL_LOG_LEVEL": "ERROR"}
    with running_stack(chosen, quiet) as stack, Client(stack.url, api_key) as client:
        stack.wait_ready()
        yield client


def drawn(
    client: Client,
    body: Mapping[str, Any],
    files: Mapping[str, bytes],
    destination: Destination,
    place: tuple[int, int],
) -> dict[str, Any]:
    """The finished job of one prompt, number and count in `place`, with the `files` that were written."""
    job = draw(client, body, files, console)
    paths = [] if destination.is_stdout else destination.paths(job, *place)
    if paths:
        save(client, job, paths)
    return {**job, "files": [str(path) for path in paths]}


HOW: Final = "a prompt, '-' to read prompts from the input, or --from a file"


def prompts_of(prompt: str | None, from_file: Path | None) -> list[str]:
    """The prompts to draw: the argument, the lines of a file, or those of standard input."""
    piped = prompt is None and from_file is None and not sys.stdin.isatty()
    if not piped and (prompt is None) == (from_file is None):
        fail(f"say what to draw: {HOW}", 2)
    try:
        if from_file is not None:
            text = from_file.read_text(encoding="utf-8")
        else:
            text = sys.stdin.read() if piped or prompt == "-" else str(prompt)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"cannot read prompts from {from_file or 'the input'}: {error}", 2)
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        fail(f"there is no prompt to draw, all is empty; say what to draw: {HOW}", 2)
    return prompts
