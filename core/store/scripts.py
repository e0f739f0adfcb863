"""Loads the Lua scripts, each a file of its own behind a shared prelude. Knows no key and no record."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from redis import Redis
from redis.commands.core import Script

NAMES: Final = (
    "submit",
    "claim",
    "position",
    "renew",
    "progress",
    "commit",
    "release",
    "cancel",
    "reap",
    "delete",
    "take_delivery",
    "defer_delivery",
    "settle_delivery",
    "rotate_key",
    "take_token",
)


class Scripts:
    """One callable a script: `scripts("claim", queue, worker, lease)`. Runs atomically in Redis."""

    def __init__(self, redis: Redis) -> None:
        folder = files("core.store") / "lua"
        prelude = (folder / "prelude.lua").read_text(encoding="utf-8")
        self._scripts: dict[str, Script] = {
            name: redis.register_script(prelude + (folder / f"{name}.lua").read_text(encoding="utf-8"))
            for name in NAMES
        }

    def __call__(self, name: str, *args: str | bytes | int | float) -> Any:  # noqa: ANN401 - a Lua value
        return self._scripts[name](args=list(args))
