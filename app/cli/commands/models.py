"""`easel models`: what the catalogue has; add a model, look at one, check it, take it out, make it the default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import AskedWrongly, ClientError
from app.cli.commands.adding_adapters import add_guide
from app.cli.commands.model_options import ModelArgument, SizeOption, size_of
from app.cli.commands.writing_rows import agreed, catalog_with, is_to_be_written, must_be_asked
from app.cli.models.adapters import is_adapter
from app.cli.models.adding import Found, Wanted, find
from app.cli.models.catalog_file import CatalogFile, shown
from app.cli.models.checking import check_model, checked_table
from app.cli.models.converting import GONE_WITH_THE_FILE, convert
from app.cli.models.embeddings import is_embedding
from app.cli.models.files import bytes_at, cached_repository, delete
from app.cli.models.listing import catalog_table, models_table, place_of, rows_of, server_models
from app.cli.models.looking import description_of, looked_at
from app.cli.models.sources import source_of
from app.cli.models.weights import gib
from app.cli.servers import server
from app.cli.terminal import JsonOption, KeyOption, ServerOption, console, failures_told, settings, show
from core.catalog.catalog import Catalog
from core.catalog.model import Precision

models = typer.Typer(
    name="models",
    help="Models: list, add, show, check and remove them.",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@models.callback()
def models_group(
    context: typer.Context, as_json: JsonOption = False, url: ServerOption = None, api_key: KeyOption = None
) -> None:
    """Models: list, add, show, check and remove them; alone, it lists them."""
    if context.invoked_subcommand is None:
        list_models(as_json, url, api_key)


@models.command("list")
def list_models(as_json: JsonOption = False, url: ServerOption = None, api_key: KeyOption = None) -> None:
    """List the models of the catalogue and their state, or those of the server that is named."""
    if url:
        with server(url, api_key) as client:
            rows = client.models()["data"]
        show(rows, as_json, lambda: models_table(rows))
        return
    with failures_told():
        chosen = settings()
        catalog = Catalog.load(chosen.catalog)
        rows = rows_of(catalog, server_models(chosen, api_key))
    show(rows, as_json, lambda: catalog_table(rows))


@models.command("add")
def add_model(
    source: Annotated[
        str,
        typer.Argument(help="A folder, a .safetensors or .gguf file, or a hub id (owner/name, owner/name@revision)."),
    ],
    model_id: Annotated[str | None, typer.Option("--id", help="What to call it.", show_default="from its name")] = None,
    alias: Annotated[list[str] | None, typer.Option(help="Another name for it; repeat for several.")] = None,
    queue: Annotated[str | None, typer.Option(help="Which workers draw it: those with this EASEL_QUEUE.")] = None,
    dtype: Annotated[Precision | None, typer.Option(help="Precision.", show_default="what fits the machine")] = None,
    size: SizeOption = None,
    config: Annotated[str | None, typer.Option(help="Folder or hub id with a file's configuration.")] = None,
    vae: Annotated[str | None, typer.Option(help="Folder, file or hub id of another VAE.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Folder, file or hub id of another text encoder.")] = None,
    lora: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE_OR_ID[:SCALE]", help="A LoRA that belongs to it for good; repeat for several."),
    ] = None,
    goes_with: Annotated[
        list[str] | None,
        typer.Option("--for", metavar="MODEL", help="Of an adapter: a model that it goes with; repeat for several."),
    ] = None,
    pipeline: Annotated[str | None, typer.Option(help="The diffusers class that draws, if it is another.")] = None,
    default: Annotated[bool, typer.Option("--default", help="Make it the default model.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Write the row of a model that is there anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the row and write nothing.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Add a model, or a LoRA or ControlNet that guides one: fetch it if need be, look, show its row, ask, write."""
    with failures_told():
        chosen = settings()
        file = CatalogFile(chosen.catalog)
        guides = bool(goes_with) or is_adapter(source) or is_embedding(source)
        if not guides:
            source_of(source)  # a typo is what to say first
        if not dry_run:
            file.check_writable()
            must_be_asked(yes, "to see the row and write nothing, --dry-run")
        if guides:
            add_guide(
                file, source, model_id, goes_with or (), replace=replace, yes=yes, dry_run=dry_run, as_json=as_json
            )
            return
        fields = {
            "aliases": alias,
            "queue": queue,
            "dtype": dtype,
            "config": place_named(config),
            "vae": place_named(vae),
            "text_encoder": place_named(text_encoder),
            "pipeline": pipeline,
        }
        wanted = Wanted(source, model_id, size_of(size), fields, tuple(lora or ()), replace)
        found = find(wanted, file, chosen)
        tell_found(found, file, as_json)
        written = is_to_be_written(file, yes, dry_run)
        if written:
            file.put(found.model_id, found.proposal.row, default=default)
    if as_json:
        answer = {"id": found.model_id, "row": found.proposal.row, "written": written, "notes": found.proposal.notes}
        show({**answer, "fit": found.fit}, as_json, str)
    if written:
        console.print(f"added '{found.model_id}'. Try it: easel models check {found.model_id}", markup=False)


@models.command("show")
def show_model(model_id: ModelArgument, as_json: JsonOption = False, api_key: KeyOption = None) -> None:
    """Show a model's row, its files, its state, and where the row differs from what the files say."""
    with failures_told():
        chosen = settings()
        looked = looked_at(model_id, CatalogFile(chosen.catalog), chosen, api_key)
    show(looked, as_json, lambda: description_of(looked))


@models.command("check")
def check(
    model_id: ModelArgument,
    device: Annotated[str | None, typer.Option(help="Torch device: cpu, cuda, cuda:1, mps.")] = None,
    size: SizeOption = None,
    save: Annotated[Path | None, typer.Option(help="Keep the first picture in this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a model as the worker would and draw two steps of two seeds, or have a network do its task; the exit code is
    1 if something is wrong."""
    with failures_told():
        chosen = settings(device=device)
        file = CatalogFile(chosen.catalog)
        catalog = catalog_with(file, model_id)
        told = check_model(catalog.model(model_id).id, chosen, size_of(size), save)
    show(told, as_json, lambda: checked_table(told))
    if told["faults"]:
        raise typer.Exit(1)


@models.command("convert")
def convert_model(
    model_id: ModelArgument,
    folder: Annotated[Path, typer.Argument(help="The new folder.", metavar="FOLDER")],
    as_json: JsonOption = False,
) -> None:
    """Write a single file, with what replaces its parts, as a folder that loads fast, and use that from now on."""
    with failures_told():
        chosen = settings()
        file = CatalogFile(chosen.catalog)
        model = catalog_with(file, model_id).model(model_id)
        if not model.draws:
            raise AskedWrongly(f"'{model.id}' is one network in one file: there is nothing to convert")
        file.check_writable()
        told = convert(model.id, folder, chosen)
        row = {name: value for name, value in file.row(model.id).items() if name not in GONE_WITH_THE_FILE}
        file.put(model.id, {**row, "source": told}, default=False)
    show({"id": model.id, "source": told}, as_json, lambda: f"'{model.id}' is {told} now; its file stays")


@models.command("remove")
def remove_model(
    model_id: ModelArgument,
    files: Annotated[bool, typer.Option("--files", help="Delete its files too, if they came from the hub.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take a model or an adapter out of the catalogue."""
    with failures_told():
        file = CatalogFile(settings().catalog)
        known = file.catalog()
        if known is not None and any(row.id == model_id for row in known.adapters):
            must_be_asked(yes)
            if not (yes or agreed(f"Take the adapter '{model_id}' out of {file.path}?")):
                raise ClientError("not removed: the catalogue is as it was")
            file.remove_adapter(model_id)
            show({"id": model_id, "removed": True}, as_json, lambda: f"removed '{model_id}'; its file stays")
            return
        catalog = catalog_with(file, model_id)
        model = catalog.model(model_id)
        others = [each.id for each in catalog.drawing if each.id != model.id]
        if model.draws and not others:
            raise AskedWrongly(f"'{model.id}' is the only model that draws, and a server needs one: add another first")
        if model.id == catalog.default:
            raise AskedWrongly(
                f"'{model.id}' is the default: make another the default first: easel models set-default {others[0]}"
            )
        file.check_writable()
        must_be_asked(yes)
        folder = cached_repository(model, catalog) if files else None
        what = f" and delete {folder} ({gib(bytes_at(folder))})" if folder else ""
        if not (yes or agreed(f"Take '{model.id}' out of {file.path}{what}?")):
            raise ClientError("not removed: the catalogue is as it was")
        kept = place_of(model, catalog)
        file.remove(model.id)
        freed = delete(folder) if folder else 0
    answer: dict[str, Any] = {"id": model.id, "removed": True, "freed_bytes": freed}
    left = f"; its files stay at {kept}" if kept and not folder else ""
    show(answer, as_json, lambda: f"removed '{model.id}'{f', {gib(freed)} freed' if folder else left}")


@models.command("set-default")
def set_default(model_id: ModelArgument, as_json: JsonOption = False) -> None:
    """Make a model the one that requests get which name none."""
    with failures_told():
        file = CatalogFile(settings().catalog)
        model = catalog_with(file, model_id).model(model_id)
        if not model.draws:
            raise AskedWrongly(f"'{model.id}' draws nothing, and requests that name no model are to draw")
        file.make_default(model.id)
    show({"default": model.id}, as_json, lambda: f"the default is '{model.id}'")


def place_named(said: str | None) -> str | None:
    """A path as it can stand in the catalogue, whose relative paths begin elsewhere; a hub id as it is."""
    if said is None:
        return None
    path = Path(said).expanduser()
    return str(path.absolute()) if path.exists() else said


def tell_found(found: Found, file: CatalogFile, as_json: bool) -> None:
    """The row, for standard output unless that is for JSON; and on standard error what to know before answering."""
    row = shown(found.model_id, found.proposal.row)
    console.print(row, markup=False) if as_json else typer.echo(row)
    for told in (*found.proposal.notes, found.fit):
        console.print(f"  {told}", markup=False)
    if found.replaces:
        console.print(f"  replaces the row of '{found.model_id}' in {file.path}", markup=False)
