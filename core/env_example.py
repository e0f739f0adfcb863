"""`.env.example`, written from the settings: `python -m core.env_example > .env.example`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from core.settings import REPOSITORY, Settings

HEADER: Final = """\
# Every setting, with its default. Copy to .env and uncomment what you change; an empty value means the default.
# Written from core/settings.py by: python -m core.env_example > .env.example
"""


def variable_of(field: str) -> str:
    """The environment variable that sets `field`."""
    alias = Settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"EASEL_{field.upper()}"


def env_example() -> str:
    """The text of the file: for each field what it is for, then the commented line that would set its default."""
    entries = [
        f"# {info.description}\n#{variable_of(field)}={_written(info.default)}\n"
        for field, info in Settings.model_fields.items()
    ]
    return "\n".join((HEADER, *entries))


def _written(default: object) -> str:
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, Path) and default.is_relative_to(REPOSITORY):
        return str(default.relative_to(REPOSITORY))
    return str(default)


if __name__ == "__main__":
    sys.stdout.write(env_example())
