"""`easel generate`: prompts in, files out, on a running Easel or on one started for the call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.client import Client
from app.commands.terminal import (
    DataDirOption,
    JsonOption,
    KeyOption,
    ServerOption,
    console,
    fail,
    failures_told,
    settings,
    show,
)
from app.generate import draw, format_of, numbered
from app.up import running_stack


def generate(
    prompt: Annotated[str | None, typer.Argument(help="What to draw; '-' reads prompts from the input.")] = None,
    out: Annotated[Path, typer.Option(help="File to write: .png, .jpg or .webp.")] = Path("easel.png"),
    from_file: Annotated[Path | None, typer.Option("--from", help="A file with a prompt a line.")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to keep out of the picture.")] = None,
    model: Annotated[str | None, typer.Option(help="A model of 'easel models'.")] = None,
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
    """Draw a picture: on a running Easel, or on one started for this call."""
    prompts = prompts_of(prompt, from_file)
    body: dict[str, Any] = {
        "negative_prompt": negative_prompt, "model": model, "width": width, "height": height,
        "num_inference_steps": steps, "guidance_scale": guidance, "scheduler": scheduler, "seed": seed, "n": n,
    }  # fmt: skip

    def draw_all(client: Client) -> None:
        jobs = []
        for text, path in zip(prompts, numbered(out, len(prompts)), strict=True):
            job, paths = draw(client, {"prompt": text, **body}, path, console)
            jobs.append({**job, "files": [str(file) for file in paths]})
        files = [file for job in jobs for file in job["files"]]
        show(jobs if len(jobs) > 1 else jobs[0], as_json, lambda: "\n".join(files))
        if open_it:
            typer.launch(files[0])

    chosen = settings(data_dir=data_dir)
    with failures_told():
        body["output"] = {"format": format_of(out)}
        with Client(server or chosen.base_url, api_key) as client:
            if server or client.is_up():
                draw_all(client)
                return
        console.print("no Easel is running; starting one for this call …")
        with running_stack(chosen) as stack, Client(stack.url, api_key) as client:
            stack.wait_ready()
            draw_all(client)


def prompts_of(prompt: str | None, from_file: Path | None) -> list[str]:
    """The prompts to draw: the argument, the lines of a file, or those of standard input."""
    if (prompt is None) == (from_file is None):
        fail("say what to draw: a prompt, '-' to read prompts from the input, or --from a file", 2)
    if from_file is not None:
        try:
            text = from_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            fail(f"--from {from_file}: {error}", 2)
    else:
        text = sys.stdin.read() if prompt == "-" else str(prompt)
    prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        fail("there is no prompt to draw: all lines are empty", 2)
    return prompts
