"""The models of the catalogue beside those that a running server knows."""

from __future__ import annotations

from typing import Any, Final

from rich.table import Table
from rich.text import Text

from app.cli.client import Client, ClientError
from core.catalog.catalog import Catalog
from core.catalog.hub_cache import snapshot_of
from core.catalog.model import Model
from core.settings import Settings

NOT_RUNNING = "no server"
DRAWING: Final = frozenset({"text-to-image", "image-to-image", "inpaint"})
"""A model that does none of them draws nothing."""


def server_models(settings: Settings, api_key: str | None) -> dict[str, dict[str, Any]] | None:
    """What the Easel of this machine says of its models, by id; None where none answers."""
    try:
        with Client(settings.base_url, api_key) as client:
            if not client.is_up():
                return None
            return {row["id"]: row for row in client.models()["data"]}
    except ClientError:
        return None  # it runs, and wants a key that was not given: the catalogue can be shown all the same


def rows_of(catalog: Catalog, running: dict[str, dict[str, Any]] | None) -> list[dict[str, Any]]:
    """A row each, with `state` in a word and, where there is one, the `reason`."""
    return [
        {
            "id": model.id,
            "is_default": model.id == catalog.default,
            "source": model.source,
            "here": place_of(model, catalog) is not None,
            "family": model.family,
            "tasks": list(model.tasks),
            "aliases": list(model.aliases),
            "size": {name: getattr(model.size, name) for name in ("width", "height", "minimum", "maximum", "multiple")},
            "num_inference_steps": model.num_inference_steps,
            "guidance_scale": model.guidance_scale,
            "scheduler": str(model.scheduler),
            "scale": model.scale,
            "license": model.license,
            "description": model.description,
            "adapters": [row.id for row in catalog.adapters_of(model)],
            **state_of(model.id, running),
        }
        for model in catalog.models
    ]


def place_of(model: Model, catalog: Catalog) -> Any:  # noqa: ANN401 - a path, or None
    """Where the model's files lie on this disk: a folder, a file, or the hub's cache; None if nowhere."""
    return catalog.local_path(model.source) or snapshot_of(model.source, model.revision)


def state_of(model_id: str, running: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
    """`state` as the server tells it, or why it tells none."""
    if running is None:
        return {"state": NOT_RUNNING}
    row = running.get(model_id)
    if row is None:
        return {"state": "not taken yet"}
    state = row.get("state") or ("ready" if row.get("ready") else "not ready")
    return {"state": state, **{name: row[name] for name in ("reason", "backend") if row.get(name)}}


def catalog_table(rows: list[dict[str, Any]]) -> Table:
    """For people; a column only where it tells something."""
    aliased, guided = any(row["aliases"] for row in rows), any(row["adapters"] for row in rows)
    extra = [*["also called"] * aliased, *["adapters"] * guided]
    table = Table("model", "state", "family", "size", "steps", "scheduler", *extra, "about")
    for row in rows:
        told = row["state"] if row["here"] else f"{row['state']}, not on this disk"
        table.add_row(
            Text(row["id"] + (" (default)" if row["is_default"] else "")),
            Text(f"{told}: {row['reason']}" if row.get("reason") else told),
            row["family"],
            *drawn_with(row),
            *[Text(", ".join(row["aliases"]))] * aliased,
            *[Text(", ".join(row["adapters"]))] * guided,
            Text(row["description"]),
        )
    return table


def models_table(rows: list[dict[str, Any]]) -> Table:
    """The models as the API tells them, a row each."""
    table = Table("model", "state", "size", "steps", "scheduler", "about")
    for row in rows:
        table.add_row(
            row["id"] + (" (default)" if row["is_default"] else ""),
            row["state"],
            *drawn_with(row),
            Text(row["description"]),
        )
    return table


def drawn_with(row: dict[str, Any]) -> tuple[str, str, str]:
    """Size, steps and sampler of a model that draws; of another, what it does to pictures."""
    if not DRAWING & set(row["tasks"]):
        larger = f", {row['scale']} times as large" if row.get("scale") else ""
        return f"{', '.join(row['tasks'])}{larger}", "", ""
    size = row["size"]
    sizes = f"{size['width']}×{size['height']}, {size['minimum']}-{size['maximum']} by {size['multiple']}"
    return sizes, str(row["num_inference_steps"]), row["scheduler"]
