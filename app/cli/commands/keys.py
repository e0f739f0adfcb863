"""`easel keys`: make, list, change, renew and end API keys, in the store itself, before a first key can be shown.

That store is REDIS_URL, or the embedded Valkey of the data folder, running or not. From elsewhere: /v1/keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from pydantic import ValidationError
from redis.exceptions import RedisError
from rich.table import Table
from rich.text import Text

from app.auth.key_admin import KeyAdmin
from app.cli.terminal import DataDirOption, JsonOption, console, fail, failures_told, local_time, settings, show
from app.stack.valkey import any_valkey
from core.catalog.catalog import Catalog
from core.errors import EaselError, InvalidRequest
from core.keys import LIMITS, MAX_EXPIRY_SECONDS, MAX_OVERLAP_SECONDS, ApiKey, KeyPolicy, Scope
from core.store import IssuedKey, KeyStore
from core.store.connection import connect

keys = typer.Typer(name="keys", help="API keys: make, list, renew and end them.", no_args_is_help=True)

HOUR: Final = 3600
DAY: Final = 24 * HOUR

KeyArgument = Annotated[str, typer.Argument(help="The key's id: the part between the underscores.")]
KINDS: Final = {"string": str, "integer": int, "number": float}
LISTS: Final = {
    "scopes": ("--scope", list[Scope]),
    "models": ("--model", list[str]),
    "adapters": ("--adapter", list[str]),
}


def with_policy(command: Callable[..., None]) -> Callable[..., None]:
    """`command` with an option for each field of a key's policy that it has not itself; it gets the given ones."""
    first, *rest = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in signature(command, eval_str=True).parameters.values()
        if parameter.name != "policy"
    ]
    fields = KeyPolicy.model_json_schema()["properties"].items()
    options = [option(name, schema) for name, schema in fields if name != first.name]

    @wraps(command)
    def run(**given: Any) -> None:  # noqa: ANN401 - as the command says
        policy = {one.name: given.pop(one.name) for one in options}
        command(**given, policy={name: value for name, value in policy.items() if value is not None})

    run.__signature__ = Signature([first, *options, *rest])  # type: ignore[attr-defined] # typer reads it
    return run


def option(name: str, schema: dict[str, Any]) -> Parameter:
    """The command's option for the API's field `name`, with the words of its JSON schema."""
    plain = schema.get("anyOf", [schema])[0]["type"]
    flag, kind = LISTS.get(name) or (f"--{name.replace('_', '-')}", KINDS[plain])
    told = schema["description"].partition(";")[0].rstrip(".") + ("; repeat for several." if name in LISTS else ".")
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, typer.Option(flag, help=told)]
    )


@keys.command("create")
@with_policy
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    policy: dict[str, Any],
    expires_days: Annotated[
        float | None, typer.Option(help="Days it is good for.", min=0.001, max=MAX_EXPIRY_SECONDS / DAY)
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Make a key that may ask for pictures and look at them; it is shown this once."""
    expires_in = None if expires_days is None else expires_days * DAY
    with key_admin(data_dir) as admin:
        issued = admin.create({**policy, "name": name}, expires_in=expires_in)
    tell(issued, as_json, "From now on, Easel asks for a key.")


@keys.command("edit")
@with_policy
def edit_key(
    key_id: KeyArgument,
    policy: dict[str, Any],
    unlimited: Annotated[
        list[str] | None, typer.Option(help="A limit to take away, such as images-per-day; repeat for several.")
    ] = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Change what a key may do; what is not named stays."""
    freed = {limit.replace("-", "_") for limit in unlimited or ()}
    if wrong := freed - LIMITS:
        fail(f"unlimited: '{wrong.pop()}' is no limit; there is {', '.join(sorted(LIMITS))}".replace("_", "-"), 2)
    with key_admin(data_dir) as admin:
        show_one(admin.change(key_id, dict.fromkeys(freed) | policy), as_json)


@keys.command("list")
def list_keys(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """List every key that was ever made, oldest first."""
    with key_admin(data_dir) as admin:
        rows = [key.model_dump(mode="json") for key in admin.keys.list()]
    show(rows, as_json, lambda: keys_table(rows))


@keys.command("revoke")
def revoke_key(key_id: KeyArgument, as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """End a key, at once and for good."""
    with key_admin(data_dir) as admin:
        show_one(admin.keys.revoke(key_id), as_json)


@keys.command("rotate")
def rotate_key(
    key_id: KeyArgument,
    overlap_hours: Annotated[
        float, typer.Option(help="How long the old secret stays good.", min=0, max=MAX_OVERLAP_SECONDS / HOUR)
    ] = 24,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Give a key a new secret; it keeps its id and its jobs."""
    with key_admin(data_dir) as admin:
        issued = admin.keys.rotate(key_id, overlap_seconds=overlap_hours * HOUR)
    tell(issued, as_json, f"The old secret stays good for {overlap_hours:g} hours.")


@contextmanager
def key_admin(data_dir: Path | None) -> Iterator[KeyAdmin]:
    """The keys of the settings' Redis, or of the embedded one, started for the time if it is down."""
    chosen = settings(data_dir=data_dir)
    with failures_told():
        try:
            with nullcontext(chosen.redis_url) if chosen.redis_url else any_valkey(chosen.data_dir) as url:
                yield KeyAdmin(KeyStore(connect(url, prefix=chosen.redis_prefix)), lambda: Catalog.load(chosen.catalog))
        except RedisError as error:
            fail(f"cannot use Redis: {error}")
        except ValidationError as error:
            problem = error.errors()[0]
            fail(f"{str(problem['loc'][0]).replace('_', '-')}: {problem['msg']}", 2)
        except InvalidRequest as error:
            fail(error.message, 2)
        except EaselError as error:
            fail(f"{error.message}; see: easel keys list")


def show_one(key: ApiKey, as_json: bool) -> None:
    """One key, without its text."""
    row = key.model_dump(mode="json")
    show(row, as_json, lambda: keys_table([row]))


def tell(issued: IssuedKey, as_json: bool, then: str) -> None:
    """A key's text, the once that it is known, and what to do `then`."""
    show(issued.key.model_dump(mode="json") | {"key": issued.text}, as_json, lambda: issued.text)
    console.print(f"Keep it now: it is not shown again. {then}")


def keys_table(rows: list[dict[str, Any]]) -> Table | str:
    """The keys, a row each, or what it means that there are none."""
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
