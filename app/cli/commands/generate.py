"""`easel generate`: prompts in, files out, on a running Easel or on one started for the call."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from app.cli.client import Client
from app.cli.generation import draw, format_of, numbered
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


def generate(
    prompt: Annotated[list[str] | None, typer.Argument(help="What to draw; '-' reads prompts from the input.")] = None,
    out: Annotated[
        Path,
        typer.Option(help="File to write: .png, .jpg or .webp; {seed} and {id} in it are filled in, several numbered."),
    ] = Path("easel.png"),
    from_file: Annotated[Path | None, typer.Option("--from", help="A file with a prompt a line.")] = None,
    style: Annotated[str | None, typer.Option(help="A style of the model.")] = None,
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
    """Draw a picture: on a running Easel, or on one started for this call. Ctrl-C cancels it."""
    prompts = prompts_of(" ".join(prompt) if prompt else None, from_file)
    body: dict[str, Any] = {
        "style": style,
        "negative_prompt": negative_prompt, "model": model, "width": width, "height": height,
        "num_inference_steps": steps, "guidance_scale": guidance, "scheduler": scheduler, "seed": seed, "n": n,
    }  # fmt: skip

    def draw_all(client: Client) -> None:
        jobs = []
        paths = [out] * len(prompts) if "{id}" in out.name else numbered(out, len(prompts))
        for text, path in zip(prompts, paths, strict=True):
            job, files = draw(client, {"prompt": text, **body}, path, console)
            jobs.append({**job, "files": [str(file) for file in files]})
        written = [file for job in jobs for file in job["files"]]
        show(jobs if len(jobs) > 1 else jobs[0], as_json, lambda: "\n".join(written))
        if open_it and typer.launch(written[0]) != 0:
            console.print(f"nothing here opens pictures; it is in {written[0]}")

    # One at a time is drawn, so one worker is enough where this call starts its own.
    chosen = settings(data_dir=data_dir, workers=1)
    with failures_told(), ended_by_sigterm():
        body["output"] = {"format": format_of(out)}
        with Client(server or chosen.base_url, api_key) as client:
            if server or client.is_up():
                draw_all(client)
                return
        console.print("no Easel is running; starting one for this call …")
        with running_stack(chosen) as stack, Client(stack.url, api_key) as client:
            stack.wait_ready()
            draw_all(client)


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
