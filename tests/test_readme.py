"""What the README says of the settings is what the code reads."""

from __future__ import annotations

from pathlib import Path

from core.settings import REPOSITORY, Settings

ROOT = Path(__file__).parent.parent


def settings_table() -> str:
    """The README's table of settings, made from the settings themselves."""
    rows = ["| variable | default | what it does |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"EASEL_{name.upper()}")
        default = field.default
        if isinstance(default, Path) and default.is_absolute():
            default = default.relative_to(REPOSITORY)
        shown = "" if default in (None, ()) else f"`{str(default).lower() if isinstance(default, bool) else default}`"
        rows.append(f"| `{variable}` | {shown} | {field.description} |")
    return "\n".join(rows)


def test_settings_table_is_true() -> None:
    assert settings_table() in (ROOT / "README.md").read_text(encoding="utf-8")
