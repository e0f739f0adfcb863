"""`easel generate`: words and pictures in, pictures out, on a running Easel or on one started for the call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import AskedWrongly
from app.cli.files import destination_of
from app.cli.formats import STANDARD_OUTPUT
from app.cli.generation import follow, submit
from app.cli.groups import drawn_together
from app.cli.guides import with_guides
from app.cli.inputs import STANDARD_INPUT, inputs_of
from app.cli.prompts import prompts_of
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

OUT = "File to write, in which {id}, {seed} and {index} are filled in; a folder, with a / at its end; - for the output."
FREE = "easel.png, easel-2.png, …"


def generate(
    prompt: Annotated[list[str] | None, typer.Argument(help="What to draw; '-' reads prompts from the input.")] = None,
    out: Annotated[str | None, typer.Option(help=OUT, show_default=FREE)] = None,
    picture_format: Annotated[
        str | None, typer.Option("--format", help="png, jpeg or webp.", show_default="what --out ends in, or png")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that are there.")] = False,
    from_file: Annotated[Path | None, typer.Option("--from", help="A file with a prompt a line.")] = None,
    image: Annotated[
        str | None, typer.Option(help="Picture to start from: a file, a URL, gen_… or gen_…:index, - for the input.")
    ] = None,
    mask: Annotated[str | None, typer.Option(help="The same for its mask: what is white is drawn anew.")] = None,
    strength: Annotated[float | None, typer.Option(help="How much of the picture is drawn anew, up to 1.")] = None,
    task: Annotated[str | None, typer.Option(help="What to do.", show_default="what takes these pictures")] = None,
    style: Annotated[str | None, typer.Option(help="A style of the model.")] = None,
    lora: Annotated[
        list[str] | None, typer.Option(metavar="ID[:WEIGHT]", help="A LoRA of the server; repeat for several.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(metavar="[ID[:SCALE]=]PICTURE", help="Picture whose shapes are followed, by a ControlNet."),
    ] = None,
    preprocessor: Annotated[str | None, typer.Option(help="What is made of it first, such as canny.")] = None,
    reference: Annotated[
        list[str] | None, typer.Option(metavar="[ID[:WEIGHT]=]PICTURE", help="Picture to go by: a subject, a style.")
    ] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to keep out of the picture.")] = None,
    model: Annotated[str | None, typer.Option(help="A model of 'easel models'.")] = None,
    size: Annotated[str | None, typer.Option(help="Width and height, such as 512x384.")] = None,
    width: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    height: Annotated[int | None, typer.Option(help="Pixels.")] = None,
    steps: Annotated[int | None, typer.Option(help="Denoising steps.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How closely to follow the prompt.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="The sampler.")] = None,
    noise_schedule: Annotated[str | None, typer.Option(help="How its noise falls, such as karras.")] = None,
    prompt_syntax: Annotated[str | None, typer.Option(help="weighted: (word:1.3) is a weight; or plain.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture; -1: a random one.")] = None,
    parameters: Annotated[
        bool,
        typer.Option("--parameters", help="The prompt is written as Midjourney's are: 'a {red, blue} fox --ar 16:9'."),
    ] = False,
    n: Annotated[int, typer.Option("-n", "--n", help="How many pictures.", min=1, max=MAX_IMAGES)] = 1,
    open_it: Annotated[bool, typer.Option("--open", help="Show the picture when it is done.")] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    api_key: KeyOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Draw a picture: on a running Easel, or on one started for this call. Ctrl-C cancels it."""
    with failures_told(), ended_by_sigterm():
        words = " ".join(prompt) if prompt else None
        # Pictures to go by say what to draw, too.
        input_is_free = STANDARD_INPUT not in (image, mask)
        prompts = prompts_of(words, from_file, input_is_free=input_is_free, needed=not reference)
        if out == STANDARD_OUTPUT and (as_json or open_it):
            raise AskedWrongly("--out -: standard output holds the picture; leave out --json and --open")
        if parameters and len(prompts) > 1:
            raise AskedWrongly("--parameters: one prompt at a time; 'a {red, blue} fox' is two")
        width, height = sides_of(size, width, height)
        destination = destination_of(out, picture_format, prompts=len(prompts), n=n, seed=seed, force=force)
        guides = {"control": control or (), "reference": reference or ()}
        inputs = with_guides(inputs_of({"image": image, "mask": mask}), guides, preprocessor)
        body: dict[str, Any] = {
            "task": task, "style": style, "negative_prompt": negative_prompt, "model": model, "width": width,
            "height": height, "strength": strength, "num_inference_steps": steps, "guidance_scale": guidance,
            "scheduler": scheduler, "noise_schedule": noise_schedule, "prompt_syntax": prompt_syntax, "seed": seed,
            "n": n, "output": {"format": destination.format}, "adapters": adapters_of(lora or ()),
        }  # fmt: skip
        # One at a time is drawn, so one worker is enough where this call starts its own.
        with any_server(server, api_key, settings(data_dir=data_dir, workers=1)) as reached:
            jobs = []
            if parameters:
                jobs = drawn_together(
                    reached,
                    {"prompt": prompts[0], **body},
                    inputs,
                    lambda count: destination_of(out, picture_format, prompts=count, n=n, seed=seed, force=force),
                    console,
                )
                prompts = []
            for number, text in enumerate(prompts):
                job = submit(reached.client, {"prompt": text, **body}, inputs)
                job = follow(reached.client, job, reached.wait_ready, console)
                files = destination.save(number, job, reached.client.download)
                jobs.append({**job, "files": [str(file) for file in files]})
            written = [file for job in jobs for file in job["files"]]
            if written:
                show(jobs if len(jobs) > 1 else jobs[0], as_json, lambda: "\n".join(written))
            if open_it and typer.launch(written[0]) != 0:
                console.print(f"nothing here opens pictures; it is in {written[0]}")


def adapters_of(loras: Sequence[str]) -> dict[str, Any] | None:
    """What `--lora` names, each `ID[:WEIGHT]`; None where nothing is named. Raises AskedWrongly."""
    named = []
    for said in loras:
        lora_id, colon, weight = said.partition(":")
        try:
            named.append({"id": lora_id, **({"weight": float(weight)} if colon else {})})
        except ValueError:
            raise AskedWrongly(f"--lora {said}: say how strongly by a number, such as {lora_id}:0.8") from None
    return {"loras": named} if named else None


def sides_of(size: str | None, width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """Width and height, said as two numbers or as one size. Raises AskedWrongly."""
    if size is None:
        return width, height
    if width is not None or height is not None:
        raise AskedWrongly("--size says width and height: leave out --width and --height")
    sides = re.fullmatch(r"([0-9]{1,9})[x×]([0-9]{1,9})", size, re.IGNORECASE)
    if sides is None:
        raise AskedWrongly(f"--size {size}: say width x height, such as 512x384")
    return int(sides[1]), int(sides[2])
