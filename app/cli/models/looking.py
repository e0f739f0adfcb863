"""All that is known of one model: its row, its files, its state, and where row and files disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from app.cli.client import AskedWrongly, ClientError
from app.cli.models.adding import look
from app.cli.models.catalog_file import CatalogFile, check_id, shown
from app.cli.models.files import bytes_at
from app.cli.models.listing import place_of, server_models, state_of
from app.cli.models.networks import fit_of, network_at
from app.cli.models.proposals import proposed
from app.cli.models.weights import fitting, gib
from core.catalog.catalog import Catalog
from core.catalog.few_step_names import lora_names, names_in
from core.catalog.model import Model
from core.settings import Settings

COMPARED: Final = ("family", "tasks", "negative_prompt", "scheduler_config")
"""Fields that the files decide; sizes, steps and the like are the owner's choice."""


def looked_at(name: str, file: CatalogFile, settings: Settings, api_key: str | None) -> dict[str, Any]:
    """Raises AskedWrongly for a name that no model has, ClientError, CatalogError."""
    catalog = file.catalog()
    known = tuple(each for model in catalog.models for each in (model.id, *model.aliases)) if catalog else ()
    check_id(name, known)
    catalog = Catalog.load(file.named)
    model = catalog.model(name)
    place = place_of(model, catalog)
    return {
        "id": model.id,
        "is_default": model.id == catalog.default,
        "row": file.row(model.id),
        "catalog": str(file.path),
        "path": None if place is None else str(place),
        "bytes": None if place is None else bytes_at(place),
        **state_of(model.id, server_models(settings, api_key)),
        **detected(model, place, catalog, settings),
    }


def detected(model: Model, place: Path | None, catalog: Catalog, settings: Settings) -> dict[str, Any]:
    """`fit` and `differences` between the row and what its files say now, or the `problem` that was met."""
    if place is None:
        return {"problem": missing(model), "fit": None, "differences": []}
    if not model.draws:
        return detected_of_network(model, place)
    try:
        config = model.config and str(catalog.local_path(model.config) or model.config)
        looked = look(place, settings, {"pipeline": model.pipeline, "config": config, "vae": model.vae})
    except (AskedWrongly, ClientError) as error:
        return {"problem": str(error), "fit": None, "differences": []}
    _, fit = fitting(looked.numbers, looked.facts, model.dtype, looked.stored)
    loras = [name for lora in model.loras for name in lora_names(lora, catalog.local_path(lora))]
    told = proposed(looked.facts, {}, (*names_in(model.source), model.id), {}, loras=loras).row
    differences = []
    for name in COMPARED:
        stands, says = getattr(model, name), told.get(name, Model.model_fields[name].default)
        if name == "tasks":
            beyond = [task for task in stands if task not in says]
            stands, says = (list(stands), says) if beyond else (None, None)
        if name == "scheduler_config":
            says = {key: value for key, value in says.items() if key not in stands}
            stands = {} if not says else stands
        if stands != says:
            differences.append({"field": name, "row": stands, "files": says})
    return {"problem": None, "fit": fit, "differences": differences}


def detected_of_network(model: Model, place: Path) -> dict[str, Any]:
    """The same for a model that draws nothing."""
    network = network_at(place)
    if network is None:
        return {"problem": None, "fit": None, "differences": []}  # of a kind that only a worker reads
    pairs = [(name, getattr(model, name), getattr(network, name)) for name in ("family", "scale")]
    differences = [{"field": name, "row": stands, "files": says} for name, stands, says in pairs if stands != says]
    return {"problem": None, "fit": fit_of(network), "differences": differences}


def missing(model: Model) -> str:
    """What to do where the files are not on this disk."""
    if "/" in model.source and not model.source.startswith(("/", ".", "~")):
        return f"{model.source} is neither a folder nor in the hub's cache: easel models add {model.source} --replace"
    return f"there is nothing at {model.source}: put it there, or remove the row: easel models remove {model.id}"


def description_of(looked: dict[str, Any]) -> str:
    """The same for people."""
    size = "" if looked["bytes"] is None else f" ({gib(looked['bytes'])})"
    reason = f": {looked['reason']}" if looked.get("reason") else ""
    lines = [
        shown(looked["id"], looked["row"]),
        f"lies at   {looked['path'] or 'nowhere on this disk'}{size}",
        f"state     {looked['state']}{reason}{' (default)' if looked['is_default'] else ''}",
    ]
    if looked["fit"]:
        lines.append(f"memory    {looked['fit']}")
    if looked["problem"]:
        lines.append(f"problem   {looked['problem']}")
    for each in looked["differences"]:
        lines.append(f"differs   {each['field']}: the row says {each['row']}, its files say {each['files']}")
    return "\n".join(lines)
