"""`easel keys`: make, list, change, renew and end API keys, in the store itself, before a first key can be shown.

That store is REDIS_URL, or the embedded Valkey of the data folder, running or not. From elsewhere: /v1/keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from redis.exceptions import RedisError
from rich.table import Table
from rich.text import Text

from app.api.keys import issued_view, view
from app.cli.terminal import DataDirOption, JsonOption, console, fail, failures_told, local_time, settings, show
from app.stack.valkey import any_valkey
from core.catalog.catalog import Catalog, CatalogError
from core.errors import Conflict
from core.keys import KeyPolicy, Scope
from core.settings import Settings
from core.store import IssuedKey, KeyStore
from core.store.connection import connect

keys = typer.Typer(name="keys", help="API keys: make, list, renew and end them.", no_args_is_help=True)

KeyArgument = Annotated[str, typer.Argument(help="The key's id: the part between the underscores.")]
Scopes = Annotated[list[Scope] | None, typer.Option("--scope", help="What it may do; repeat for several.")]
Models = Annotated[list[str] | None, typer.Option("--model", help="A model it may ask for; repeat for several.")]
Weight = Annotated[float | None, typer.Option(help="Its share of a busy server.")]
MaxQueued = Annotated[int | None, typer.Option(help="Jobs waiting at once.")]
MaxRunning = Annotated[int | None, typer.Option(help="Jobs running at once.")]
RequestsPerMinute = Annotated[int | None, typer.Option(help="Requests for pictures; 0: no limit.")]
ImagesPerDay = Annotated[int | None, typer.Option(help="Pictures a day.")]
WorkerSecondsPerDay = Annotated[int | None, typer.Option(help="Seconds of workers a day.")]
LIMITS: Final = frozenset(name for name, field in KeyPolicy.model_fields.items() if field.default is None)
RetentionHours = Annotated[float | None, typer.Option(help="Hours for which its jobs and pictures are kept.")]


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Scopes = None,
    model: Models = None,
    weight: Weight = None,
    max_queued: MaxQueued = None,
    max_running: MaxRunning = None,
    requests_per_minute: RequestsPerMinute = None,
    images_per_day: ImagesPerDay = None,
    worker_seconds_per_day: WorkerSecondsPerDay = None,
    retention_hours: RetentionHours = None,
    expires_days: Annotated[float | None, typer.Option(help="Days it is good for.", min=0.001)] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key that may ask for pictures and look at them; it is shown this once."""
    chosen = settings(data_dir=data_dir)
    given: dict[str, Any] = {
        "name": name, "scopes": scope, "models": model, "weight": weight, "max_queued": max_queued,
        "max_running": max_running, "requests_per_minute": requests_per_minute, "images_per_day": images_per_day,
        "worker_seconds_per_day": worker_seconds_per_day, "retention_hours": retention_hours,
    }  # fmt: skip
    policy = policy_of(given, chosen)
    with key_store(chosen) as store:
        issued = store.create(policy, expires_in=None if expires_days is None else expires_days * 86400)
    tell(issued, as_json, "From now on, Easel asks for a key.")


@keys.command("edit")
def edit_key(
    key_id: KeyArgument,
    name: Annotated[str | None, typer.Option(help="What the key is for.")] = None,
    scope: Scopes = None,
    model: Models = None,
    weight: Weight = None,
    max_queued: MaxQueued = None,
    max_running: MaxRunning = None,
    requests_per_minute: RequestsPerMinute = None,
    images_per_day: ImagesPerDay = None,
    worker_seconds_per_day: WorkerSecondsPerDay = None,
    retention_hours: RetentionHours = None,
    unlimited: Annotated[
        list[str] | None, typer.Option(help="A limit to take away, such as images-per-day; repeat for several.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Change what a key may do; what is not named stays."""
    chosen = settings(data_dir=data_dir)
    given: dict[str, Any] = {
        "name": name, "scopes": scope, "models": model, "weight": weight, "max_queued": max_queued,
        "max_running": max_running, "requests_per_minute": requests_per_minute, "images_per_day": images_per_day,
        "worker_seconds_per_day": worker_seconds_per_day, "retention_hours": retention_hours,
    }  # fmt: skip
    freed = {limit.replace("-", "_") for limit in unlimited or ()}
    if wrong := freed - LIMITS:
        fail(f"unlimited: '{wrong.pop()}' is no limit; there is {', '.join(sorted(LIMITS))}".replace("_", "-"), 2)
    with key_store(chosen) as store:
        known = store.get(key_id)
        kept = known.model_dump(include=set(KeyPolicy.model_fields) - freed) if known else {"name": "unknown"}
        policy = policy_of(kept | {field: value for field, value in given.items() if value is not None}, chosen)
        key = store.edit(key_id, policy)
    if key is None:
        fail(f"there is no key '{key_id}' that could be changed; see: easel keys list")
    row = view(key).model_dump(mode="json")
    show(row, as_json, lambda: keys_table([row]))


@keys.command("list")
def list_keys(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List every key that was ever made, oldest first."""
    with key_store(settings(data_dir=data_dir)) as store:
        rows = [view(key).model_dump(mode="json") for key in store.list()]
    show(rows, as_json, lambda: keys_table(rows))


@keys.command("revoke")
def revoke_key(key_id: KeyArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """End a key, at once and for good."""
    with key_store(settings(data_dir=data_dir)) as store:
        key = store.revoke(key_id)
    if key is None:
        fail(f"there is no key '{key_id}'; see: easel keys list")
    row = view(key).model_dump(mode="json")
    show(row, as_json, lambda: keys_table([row]))


@keys.command("rotate")
def rotate_key(
    key_id: KeyArgument,
    overlap_hours: Annotated[float, typer.Option(help="How long the old secret stays good.", min=0)] = 24,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Give a key a new secret; it keeps its id and its jobs."""
    with key_store(settings(data_dir=data_dir)) as store:
        try:
            issued = store.rotate(key_id, overlap_seconds=overlap_hours * 3600)
        except Conflict as error:
            fail(error.message)
    if issued is None:
        fail(f"there is no key '{key_id}'; see: easel keys list")
    tell(issued, as_json, f"The old secret stays good for {overlap_hours:g} hours.")


@contextmanager
def key_store(chosen: Settings) -> Iterator[KeyStore]:
    with failures_told():
        try:
            if chosen.redis_url is not None:
                yield KeyStore(connect(chosen.redis_url, prefix=chosen.redis_prefix))
            else:
                with any_valkey(chosen.data_dir) as url:
                    yield KeyStore(connect(url, prefix=chosen.redis_prefix))
        except RedisError as error:
            fail(f"cannot use Redis: {error}")


def policy_of(given: dict[str, Any], chosen: Settings) -> KeyPolicy:
    """What the options say; a wrong one ends the command."""
    try:
        policy = KeyPolicy.model_validate({name: value for name, value in given.items() if value is not None})
        known = [model.id for model in Catalog.load(chosen.catalog).models] if policy.models else []
    except ValidationError as error:
        problem = error.errors()[0]
        fail(f"{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}", 2)
    except CatalogError as error:
        fail(str(error))
    unknown = [name for name in policy.models if name not in known]
    if unknown:
        fail(f"there is no model '{unknown[0]}'; there is {', '.join(known)}", 2)
    return policy


def tell(issued: IssuedKey, as_json: bool, then: str) -> None:
    show(issued_view(issued).model_dump(mode="json"), as_json, lambda: issued.text)
    console.print(f"Keep it now: it is not shown again. {then}")


def keys_table(rows: list[dict[str, Any]]) -> Table | str:
    if not rows:
        return "no keys: whoever reaches Easel may use it; see: easel keys create --help"
    table = Table("key", "name", "may", "models", "created", "last used", "state")
    for row in rows:
        ended, expires = row["revoked_at"], row["expires_at"]
        state = f"revoked {local_time(ended)}" if ended else f"until {local_time(expires)}" if expires else "good"
        table.add_row(
            row["id"],
            Text(row["name"]),
            ", ".join(row["scopes"]),
            ", ".join(row["models"]) or "all",
            local_time(row["created_at"]),
            local_time(row["last_used_at"]) if row["last_used_at"] else "never",
            state,
        )
    return table
