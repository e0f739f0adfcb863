"""Jobs that are accepted together: all or none, in their order, with a record of their group."""

from __future__ import annotations

import pytest
from redis import Redis

from core.errors import Forbidden, QuotaExceeded, Unavailable
from core.jobs import Status
from core.keys import KeyPolicy
from core.store import GroupStore, JobStore, KeyStore, NewGroup, NewJob, Usage
from core.store.groups import Member, new_group_id
from core.store.limits import Limits
from tests.core.samples import QUEUE, new_job


def group_of(jobs: list[NewJob]) -> NewGroup:
    return NewGroup(
        new_group_id(), "a {red, blue} fox", tuple(Member(job=job.id, label="x", outputs=1) for job in jobs)
    )


def test_a_group_is_its_jobs_in_order(jobs: JobStore, redis: Redis) -> None:
    new = [new_job() for _ in range(3)]
    group = group_of(new)
    submitted = jobs.submit_group(new, group)

    assert (submitted.id, submitted.replayed) == (group.id, False)
    kept = GroupStore(redis).get(group.id)
    assert kept is not None
    assert (kept.owner, kept.prompt, kept.members) == ("alice", group.prompt, group.members)
    claims = [jobs.claim(QUEUE, "w1") for _ in range(4)]
    assert [claim.job.id if claim else None for claim in claims] == [*(job.id for job in new), None]


def test_sent_twice_is_one_group(jobs: JobStore) -> None:
    new = [new_job() for _ in range(3)]
    group = group_of(new)
    assert {jobs.submit_group(new, group).id for _ in range(2)} == {group.id}
    assert jobs.pending(QUEUE) == 3


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        (Limits(max_queued_per_owner=4), QuotaExceeded),
        (Limits(max_queued=4), Unavailable),
        (Limits(images_per_day=4), QuotaExceeded),
    ],
)
def test_one_too_many_is_none(redis: Redis, limits: Limits, error: type[Exception]) -> None:
    # Given room for three beside one that waits
    store, new = JobStore(redis, limits), [new_job() for _ in range(4)]
    store.submit(new_job())
    # When four are asked for together
    with pytest.raises(error):
        store.submit_group(new, group_of(new))
    # Then none is there, none is counted, and three still fit
    assert store.several([job.id for job in new]) == (None,) * 4
    assert (store.pending(QUEUE), Usage(redis).today("alice").images) == (1, 1)
    assert store.submit_group(new[:3], group_of(new[:3])).replayed is False
    assert Usage(redis).today("alice").images == 4


def test_the_models_of_a_key_are_those_of_its_groups(jobs: JobStore, redis: Redis) -> None:
    issued = KeyStore(redis).create(KeyPolicy(name="shop", models=("other",)))
    new = [new_job(owner=issued.key.owner) for _ in range(2)]
    with pytest.raises(Forbidden):
        jobs.submit_group(new, group_of(new))
    assert jobs.pending(QUEUE) == 0


def test_groups_are_listed_and_forgotten(jobs: JobStore, redis: Redis) -> None:
    groups, ids = GroupStore(redis), []
    for _ in range(3):
        new = [new_job()]
        ids.append(jobs.submit_group(new, group_of(new)).id)
    first, following = groups.list("alice", before=None, limit=3)
    assert ({group.id for group in first}, following) == (set(ids), None)
    assert groups.list("bob", before=None, limit=3) == ((), None)
    groups.delete(first[0])
    assert groups.get(first[0].id) is None
    assert len(groups.list("alice", before=None, limit=3)[0]) == 2
    assert groups.get("grp_x") is None


def test_gone_jobs_are_none_among_several(jobs: JobStore) -> None:
    new = [new_job() for _ in range(2)]
    jobs.submit_group(new, group_of(new))
    jobs.cancel(new[0].id)
    jobs.delete(new[0].id)
    gone, there = jobs.several([job.id for job in new])
    assert gone is None
    assert there is not None
    assert there.status is Status.QUEUED
