"""The names of all keys and channels in Redis: the one registry, for Python and for the scripts.

Each begins with a prefix, so that two Easels can share a Redis.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from redis import Redis

DEFAULT_PREFIX: Final = "easel"

Single = Literal[
    "cancels",
    "changes",
    "deadlines",
    "expiries",
    "forgotten",
    "gallery",
    "keeper",
    "keys",
    "leases",
    "metrics",
    "outbox",
    "reaped_at",
    "rewritten",
    "seq",
    "webhook:secret",
    "workers",
]
"""Keys that there are one of."""

Family = Literal[
    "archive",
    "backlog",
    "bucket",
    "calls",
    "children",
    "choice",
    "claim",
    "deliveries",
    "delivery",
    "endpoint",
    "endpoints",
    "events",
    "favourites",
    "feed",
    "folder",
    "folders",
    "gaps",
    "group",
    "groups",
    "holds",
    "idempotency",
    "interruptions",
    "job",
    "jobs",
    "kept",
    "key",
    "pace",
    "pending",
    "preview",
    "running",
    "secret",
    "share",
    "shares",
    "turns",
    "upload",
    "uploads",
    "usage",
    "virtual",
    "waiting",
    "withdrawn",
    "worker",
]
"""Keys that there is one of for each of something."""

DESCRIPTIONS: Final = MappingProxyType(
    {
        "archive": "string that expires: the outputs that somebody wants in one file",
        "backlog": "zset, a queue and an owner: waiting jobs by class and number",
        "bucket": "hash, an owner: tokens of the rate that are left",
        "calls": "zset, an owner and a fingerprint: jobs that calls wait for, by the ms from which another may",
        "cancels": "channel: the id of a running job to stop",
        "changes": "channel: a job or an owner, and what has changed about it or one of theirs",
        "children": "set, a job: the jobs that started from it",
        "choice": "string, an owner: the model chosen for later calls",
        "claim": "hash, a claim's token: what it took, for a minute",
        "deadlines": "zset: jobs by the ms at which they are of no use any more",
        "deliveries": "zset, an endpoint: its messages by the ms of their making",
        "delivery": "hash, a message: where it goes and what became of it",
        "endpoint": "hash: a webhook endpoint",
        "endpoints": "zset, an owner: their endpoints by the ms of their making",
        "events": "stream, a job: what happened to it",
        "expiries": "zset: jobs and uploads by the ms at which they are removed",
        "favourites": "zset, an owner: their favourite outputs, as job/index, by the job's number",
        "feed": "stream that expires, an owner: which of their jobs have changed",
        "folder": "zset, an owner and a name: the outputs in that folder, as job/index, by the job's number",
        "folders": "set, an owner: the names of their folders",
        "forgotten": "counter: what was deleted since the append-only file was written anew",
        "gallery": "zset: shares that everybody may find, by number",
        "gaps": "list, a queue: the last gaps between two ends, in ms",
        "group": "hash that expires: jobs that were asked for together",
        "groups": "zset, an owner: their groups by the ms of their making",
        "holds": "set, a worker: the jobs that it runs",
        "idempotency": "hash, an owner and a digest of the key: the job and the fingerprint of its body",
        "interruptions": "string that expires, an owner: how often they interrupted what their clients wait for",
        "job": "hash: the record of a job",
        "jobs": "zset, an owner: all their jobs by number",
        "keeper": "string that expires: a keeper lives",
        "kept": "zset, an owner: their outputs that are marked and so never expire, as job/index, by the job's number",
        "key": "hash, an owner: an API key and its policy",
        "keys": "zset: ids of all API keys by the time of their making",
        "leases": "zset: running jobs by the ms at which their lease ends",
        "metrics": "hash: what an operator counts",
        "outbox": "zset: messages by the ms at which they are due",
        "pace": "hash, a queue: when a job ended last, how long it took, since when somebody waits",
        "pending": "zset, a queue: waiting jobs by number",
        "preview": "string that expires, a job: how its first picture looks",
        "reaped_at": "string: the ms of the last round of reaping",
        "rewritten": "string: what `forgotten` was when the append-only file was written anew",
        "running": "set, an owner: their running jobs",
        "secret": "string, a name: 32 bytes that all processes share",
        "seq": "counter: the number of the last job",
        "share": "hash: a picture that is shared, and whose",
        "shares": "zset, an owner: their shares by number",
        "turns": "zset, a queue: owners by the virtual time of their next start",
        "upload": "string that expires: an uploaded file",
        "uploads": "zset, an owner: their uploads by the ms at which they are removed",
        "usage": "hash, an owner and a day: what was used",
        "virtual": "hash, a queue: the virtual clock and what each owner has paid for",
        "waiting": "set, an owner: their waiting jobs",
        "webhook:secret": "string: what webhooks are signed with",
        "withdrawn": "string that expires, a share: it was, and is no more",
        "worker": "string that expires: what a worker says of itself",
        "workers": "set: names of workers",
    }
)


class KeyNames:
    """Names under one prefix: `names("leases")`, `names("job", job_id)`."""

    def __init__(self, prefix: str = DEFAULT_PREFIX) -> None:
        self.prefix = prefix

    def __call__(self, kind: Single | Family, *of: str | int) -> str:
        """The name of one key."""
        return ":".join((self.prefix, kind, *map(str, of)))

    def lua(self) -> str:
        """The same for a script, as a table: `KEY.leases`, `KEY.job .. id`."""
        singles = [f"['{kind}'] = '{self(kind)}'" for kind in get_args(Single)]
        families = [f"{kind} = '{self(kind)}:'" for kind in get_args(Family)]
        return f"local KEY = {{{', '.join((*singles, *families))}}}\n"


class NamedRedis(Redis):
    """A client that knows the names of our keys."""

    names: KeyNames


def names_of(redis: Redis) -> KeyNames:
    """Those that the client was made with, else those of the default prefix."""
    return redis.names if isinstance(redis, NamedRedis) else KeyNames()


def named(redis: Any, prefix: str) -> NamedRedis:  # noqa: ANN401 - what from_url gives
    """`redis`, made by NamedRedis.from_url, with names under `prefix`."""
    client: NamedRedis = redis
    client.names = KeyNames(prefix)
    return client
