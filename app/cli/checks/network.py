"""Looks at Redis, at the port, and at who could reach it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Final

from redis.exceptions import RedisError, ResponseError

from app.cli.checks.finding import Finding
from app.cli.client import Client
from app.stack.up import local_host
from core.settings import Settings
from core.store import KeyStore
from core.store.connection import connect

DURABLE: Final = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def redis_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether Redis answers, and keeps its writes and its keys as Easel needs."""
    if chosen.redis_url is None:
        yield Finding("redis", "ok", "embedded, started by 'easel up', every write on disk before its answer")
        return
    try:
        redis = connect(chosen.redis_url, prefix=chosen.redis_prefix)
        redis.ping()
    except RedisError as error:
        yield Finding("redis", "problem", f"cannot be used: {error}", "start it, or mend REDIS_URL")
        return
    wanted = ", ".join(f"{name} {value}" for name, value in DURABLE.items())
    try:
        seen = dict(redis.config_get(*DURABLE))
    except ResponseError:  # as a rented one may have it
        found = "does not tell how it is configured"
        yield Finding("redis", "warning", found, f"make sure that it has: {wanted}")
        return
    config = {str(name): str(value) for name, value in seen.items()}
    wrong = {name: value for name, value in DURABLE.items() if config.get(name) != value}
    if wrong:
        advice = ", ".join(f"{name} {value}" for name, value in wrong.items())
        has = ", ".join(f"{name} {config.get(name)}" for name in wrong)
        found = f"accepted jobs can be lost: it has {has}"
        yield Finding("redis", "problem", found, f"set in its configuration: {advice}")
    else:
        yield Finding("redis", "ok", "every write is on disk before its answer, nothing is evicted")


def port_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether Easel answers at its port, or the port is free, or taken by another."""
    here = local_host(chosen.host)
    with Client(f"http://{here}:{chosen.port}") as client:
        if client.is_up():
            yield Finding("port", "ok", f"Easel runs at {chosen.base_url}")
            return
    with socket.socket(socket.AF_INET6 if ":" in here else socket.AF_INET) as probe:
        if probe.connect_ex((here.strip("[]"), chosen.port)) == 0:
            advice = "stop that, or choose another port: easel up --port, or EASEL_PORT"
            yield Finding("port", "problem", f"{chosen.port} is used by something else", advice)
        else:
            yield Finding("port", "ok", f"{chosen.port} is free")


def binding_findings(chosen: Settings) -> Iterator[Finding]:
    """Whether the api would start: off loopback it wants a key."""
    if chosen.is_loopback:
        return
    if chosen.api_keys or _any_key_made(chosen):
        yield Finding("keys", "ok", f"{chosen.host} is open to the network, and calls need a key")
        return
    advice = "easel keys create NAME, or EASEL_HOST=127.0.0.1"
    yield Finding("keys", "problem", f"Easel does not listen on {chosen.host} without a key", advice)


def _any_key_made(chosen: Settings) -> bool:
    if chosen.redis_url is None:
        return (chosen.data_dir / "valkey").exists()  # closed, perhaps: `easel up` will say
    try:
        return KeyStore(connect(chosen.redis_url, prefix=chosen.redis_prefix)).any_made()
    except RedisError:
        return False
