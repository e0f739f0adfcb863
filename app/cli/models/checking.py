"""Has a model loaded and drawn with in a process of its own, and tells what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from app.cli.client import AskedWrongly
from app.cli.models.child import ask
from app.cli.models.weights import gib
from core.settings import Settings

CHECK: Final = "worker.check"


def check_model(model_id: str, settings: Settings, size: tuple[int, int] | None, save: Path | None) -> dict[str, Any]:
    """What `worker.check` says: measures, and `faults` in words. Raises AskedWrongly, ClientError."""
    if save is not None:
        if not save.absolute().parent.is_dir():
            raise AskedWrongly(f"--save {save}: there is no folder {save.absolute().parent}")
        if save.suffix.lower() not in (".png", ".jpg", ".jpeg", ".webp"):
            raise AskedWrongly(f"--save {save}: end it in .png, .jpg or .webp")
    environment = {"EASEL_CATALOG": str(settings.catalog.absolute()), "EASEL_DEVICE": settings.device}
    question = {"model": model_id, "size": size, "save": None if save is None else str(save.absolute())}
    return ask(CHECK, question, environment)


def checked_table(told: dict[str, Any]) -> Table:
    """For people: what was measured, then what is wrong."""
    table = Table("what", "found", show_header=False)
    measured = {
        "model": told["model"],
        "device": told.get("device"),
        "loaded in": _seconds(told.get("load_seconds")),
        "memory": gib(told["memory_bytes"]) if told.get("memory_bytes") else None,
        "a step": _seconds(told.get("step_seconds")),
        "size": "×".join(str(side) for side in told["size"]) if told.get("size") else None,
        "made": told.get("made"),
        "saved": told.get("saved"),
    }
    for name, value in measured.items():
        if value is not None:
            table.add_row(name, Text(str(value)))
    for note in told.get("notes", ()):
        table.add_row("note", Text(note))
    for fault in told["faults"]:
        table.add_row(Text("fault", style="red"), Text(fault))
    if not told["faults"]:
        table.add_row(Text("ok", style="green"), "it works" if "made" in told else "it draws")
    return table


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms"
