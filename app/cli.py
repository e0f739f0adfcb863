"""The `easel` command: reads arguments, calls the parts, prints for people. Knows no Redis and no model."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console

from app.client import Client, ClientError
from app.embedded import DataFolderInUse
from app.generate import draw, format_of
from app.up import StackFailed, running_stack
from core import logs
from core.settings import Settings

app = typer.Typer(
    help="Easel: a self-hosted image-generation service.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
console = Console(stderr=True, highlight=False)

ServerOption = Annotated[
    str | None,
    typer.Option(help="Address of a running Easel.", envvar="EASEL_URL", show_default="http://127.0.0.1:8000"),
]
PortOption = Annotated[int | None, typer.Option(help="Port of the api.", show_default="EASEL_PORT or 8000")]
HostOption = Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")]
DataDirOption = Annotated[Path | None, typer.Option(help="Where jobs and pictures are kept.")]


@app.callback()
def _root() -> None:
    """Easel: a self-hosted image-generation service."""


@app.command()
def up(port: PortOption = None, host: HostOption = None, data_dir: DataDirOption = None) -> None:
    """Start everything on this machine and keep it running; Ctrl-C stops it."""
    settings = _settings(port=port, host=host, data_dir=data_dir)
    _refuse_open_server(settings)
    logs.configure(settings)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with running_stack(settings) as stack:
            stack.wait_ready(stopped.is_set)
            if not stopped.is_set():
                console.print(f"\n[bold green]Easel is ready at {settings.base_url}[/]  (Ctrl-C stops it)\n")
            while not stopped.wait(0.5):
                stack.tend()
            console.print("stopping …")
    except (StackFailed, DataFolderInUse) as error:
        _fail(str(error))


@app.command()
def generate(
    prompt: Annotated[str, typer.Argument(help="What to draw.")],
    out: Annotated[Path, typer.Option(help="File to write: .png, .jpg or .webp.")] = Path("easel.png"),
    negative_prompt: Annotated[str | None, typer.Option(help="What to keep out of the picture.")] = None,
    model: Annotated[str | None, typer.Option(help="A model of the catalogue.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the prompt.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="The sampler.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture.")] = None,
    n: Annotated[int | None, typer.Option("-n", "--n", help="How many pictures.")] = None,
    server: ServerOption = None,
    api_key: Annotated[str | None, typer.Option(help="API key.", envvar="EASEL_API_KEY")] = None,
    data_dir: DataDirOption = None,
) -> None:
    """Draw a picture: on a running Easel, or on one started for this call."""
    body: dict[str, Any] = {
        "prompt": prompt, "negative_prompt": negative_prompt, "model": model, "width": width, "height": height,
        "num_inference_steps": steps, "guidance_scale": guidance, "scheduler": scheduler, "seed": seed, "n": n,
    }  # fmt: skip
    settings = _settings(data_dir=data_dir)
    try:
        body["output"] = {"format": format_of(out)}
        with Client(server or settings.base_url, api_key) as client:
            if server or client.is_up():
                draw(client, body, out, console)
                return
        console.print("no Easel is running; starting one for this picture …")
        with running_stack(settings) as stack, Client(stack.url, api_key) as client:
            stack.wait_ready()
            draw(client, body, out, console)
    except (ClientError, StackFailed, DataFolderInUse) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _settings(**given: object) -> Settings:
    """The settings with the options that were given; a wrong one ends the command with its message."""
    try:
        return Settings.read(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            console.print(f"[red]EASEL_{name.removeprefix('EASEL_')}[/]: {problem['msg']}")
        raise typer.Exit(2) from None


def _refuse_open_server(settings: Settings) -> None:
    if not settings.is_loopback and not settings.api_keys:
        _fail(
            f"without API keys Easel listens on this machine only, not on {settings.host}. Make a key and set it: "
            'export EASEL_API_KEYS="$(openssl rand -hex 24)"'
        )


def _fail(message: str) -> None:
    console.print(f"[red]error:[/] {message}")
    raise typer.Exit(1)


def main() -> None:
    """The console entry point."""
    sys.exit(app())
