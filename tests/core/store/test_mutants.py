"""The state machine bites: each of these mistakes in the scripts is found by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from core.key_names import KeyNames
from core.store import scripts
from tests.core.store.job_stories import JobStories


@dataclass(frozen=True)
class Mutant:
    """`script` or the prelude with `was` replaced by `becomes`."""

    name: str
    was: str
    becomes: str

    def source(self, script: str, names: KeyNames) -> str:
        return ORIGINAL(script, names).replace(self.was, self.becomes)


ORIGINAL = scripts.source

MUTANTS = (
    Mutant("no fence", "seen[1] ~= 'running' or seen[2] ~= attempt", "seen[1] ~= 'running'"),
    Mutant("a fence that does not grow", "HINCRBY', key, 'fence', 1)", "HINCRBY', key, 'fence', 0)"),
    Mutant("attempts are not counted", "HINCRBY', key, 'attempts', 1)", "HINCRBY', key, 'attempts', 0)"),
    Mutant("no lease", "redis.call('ZADD', KEY.leases, whole(now + asked.lease_ms), id)", ""),
    Mutant("the reaper drops the job", "      back_in_line(id)\n", "      stop_running(id)\n"),
    Mutant("one attempt too many", "tonumber(job[3]) >= tonumber(ARGV[1])", "tonumber(job[3]) > tonumber(ARGV[1])"),
    Mutant("the reaper forgets the cancel", "if job[2] == '1' then", "if false then"),
    Mutant("a result beats a cancel", "if answer == 'cancel' then\n  status", "if false then\n  status"),
    Mutant("handing back costs an attempt", "redis.call('HINCRBY', key, 'attempts', -1)\nback", "back"),
    Mutant("what ended may end again", "if seen[1] ~= 'running' or seen[2]", "if seen[2]"),
    Mutant("an end leaves the lease", "  redis.call('ZREM', KEY.leases, id)\n  redis.call('SREM', KEY.running",
           "  redis.call('SREM', KEY.running"),
    Mutant("submitted twice is two", "if redis.call('EXISTS', KEY.job .. id) == 1 then", "if false then"),
    Mutant("whoever asks prolongs the lease", "if answer ~= 'lost' then redis.call('ZADD', KEY.leases",
           "if true then redis.call('ZADD', KEY.leases"),
    Mutant("whoever asks reports progress", "if answer ~= 'lost' then\n  redis.call('HSET'",
           "if true then\n  redis.call('HSET'"),
    Mutant("a claimed job stays in line", "leave_line(id)\nredis.call('ZADD', turns",
           "redis.call('ZADD', turns"),
    Mutant("last come, first served", "redis.call('ZRANGE', KEY.backlog", "redis.call('ZREVRANGE', KEY.backlog"),
    Mutant("a canceled job stays in line", "  finish(ARGV[1], 'canceled', now_ms())",
           "  redis.call('HSET', key, 'status', 'canceled')"),
    Mutant("a deadline outlives its job", "  redis.call('ZREM', KEY.deadlines, id)\n", ""),
    Mutant("nobody is told", "    post('msg_' .. string.sub(id, 5), now, {'job', id, 'owner'",
           "    tostring(now, {'job', id, 'owner'"),
    Mutant("told twice", "  tell_endpoints(id, 'completed', status, now)\n", "  emit(id, status, {status = status})\n"),
    Mutant("kept for ever", "  redis.call('ZADD', KEY.expiries, whole(now + retention), id)\n", ""),
    Mutant("what is kept expires", "    redis.call('ZREM', KEY.expiries, id)\n    redis.call('HDEL'",
           "    redis.call('HDEL'"),
    Mutant("once kept, for ever", "if was_kept and redis.call(", "if false and redis.call("),
    Mutant("marks outlive their job", "forget_marks(ARGV[1])\n", ""),
    Mutant("a folder that is empty stays", "if redis.call('EXISTS', folder) == 0 then", "if false then"),
    Mutant("deleted while it runs", "if not job[3] then return 'unfinished' end", ""),
)  # fmt: skip


@pytest.fixture
def machine(redis: Redis) -> Iterator[type[JobStories]]:
    JobStories.redis = redis
    yield JobStories
    del JobStories.redis


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_mistake_is_found(machine: type[JobStories], mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given scripts with a mistake, which is in one of them or, by the prelude, in all
    changed = [name for name in scripts.NAMES if mutant.source(name, KeyNames()) != ORIGINAL(name, KeyNames())]
    assert changed
    monkeypatch.setattr(scripts, "source", mutant.source)

    # When jobs live by them, always the same lives, then something becomes untrue
    with pytest.raises(Exception):  # noqa: B017, PT011 - an assertion of the machine, or an error of a script
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=100,
                stateful_step_count=40,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
