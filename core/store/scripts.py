"""Loads the Lua scripts, each a file of its own behind a shared prelude."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Final

from redis import Redis
from redis.commands.core import Script

from core.key_names import KeyNames, names_of

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
    "mark",
    "remove_output",
    "rename_folder",
    "search",
    "share",
    "withdraw",
    "withdraw_all",
    "fail_unserved",
    "fetched",
    "take_delivery",
    "defer_delivery",
    "settle_delivery",
    "edit_endpoint",
    "rotate_endpoint",
    "test_endpoint",
    "redeliver",
    "rotate_key",
    "edit_key",
    "take_token",
    "adopt_job",
    "abandon_job",
)

SHARED: Final = ("prelude", "shares", "marks")


def source(name: str, names: KeyNames) -> str:
    """What Redis runs for the script `name`: the names of keys, what all share, then its own file."""
    folder = files("core.store") / "lua"
    return names.lua() + "".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in (*SHARED, name))


class Scripts:
    """One callable a script: `scripts("claim", queue, worker, lease)`. Runs atomically in Redis."""

    def __init__(self, redis: Redis) -> None:
        self._scripts: dict[str, Script] = {
            name: redis.register_script(source(name, names_of(redis))) for name in NAMES
        }

    def __call__(self, name: str, *args: str | bytes | int | float) -> Any:  # noqa: ANN401 - a Lua value
        return self._scripts[name](args=list(args))
