"""The promise above all: what was acknowledged ends, once, whatever dies meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.keeper.receiver import Receiver
from tests.chaos.cluster import Cluster, running_cluster, until
from tests.chaos.faults import Faults
from tests.chaos.ledger import Ledger, reckon
from tests.chaos.load import CANARY, Load
from tests.chaos.report import Figures

PARTS = {"worker-1": "worker", "worker-2": "worker", "keeper": "keeper", "api": "api"}


def weather(cluster: Cluster, receiver: Receiver, faults: Faults, load: Load, patience: float) -> tuple[Ledger, float]:
    """Submit through the storm, let the work end, and reckon."""
    load.start()
    faults.start()
    try:
        until(lambda: load.is_done, patience, "every job to be acknowledged")
    finally:
        faults.end()
    settled = cluster.settle(patience)
    assert load.refused == []
    assert load.mistakes == [], "whatever dies, that is no mistake of the api's"
    ledger = reckon(cluster, load.acknowledged.values())
    told = {json.loads(seen.body)["data"]["id"] for seen in receiver.seen}
    assert told == set(load.acknowledged.values()), "every owner was told"
    return ledger, settled


def note(figures: Figures, name: str, faults: Faults, load: Load, ledger: Ledger, settled: float) -> None:
    faults = ", ".join(f"{fault} {count}" for fault, count in sorted(faults.faults.items()))
    figures.note(
        name,
        "0 lost, 0 twice",
        f"{ledger.acknowledged} acknowledged, {len(ledger.lost)} lost, {len(ledger.doubled)} twice; "
        f"{ledger.started_again} started again, {ledger.worker_crashed} worker_crashed; "
        f"{load.retries} submissions retried; settled in {settled:.0f} s",
    )
    figures.note("  faults of it", "", faults)


@pytest.mark.slow
def test_nothing_is_lost_or_done_twice_in_a_short_storm(tmp_path: Path, receiver: Receiver, figures: Figures) -> None:
    # Given short leases, so that many run out
    leases = {"EASEL_LEASE_SECONDS": "3", "EASEL_RENEW_SECONDS": "1", "EASEL_GRACE_SECONDS": "2"}
    with running_cluster(tmp_path, PARTS, EASEL_LOG_LEVEL="INFO", **leases) as cluster:
        faults = Faults(cluster, seed=1, frozen_seconds=4, valkey_every=4)
        load = Load(cluster.url, count=400, a_second=40, webhook=receiver.url)

        # When
        ledger, settled = weather(cluster, receiver, faults, load, patience=120)

    # Then
    note(figures, "kill loop, short", faults, load, ledger, settled)
    ledger.assert_kept()
    assert ledger.acknowledged == 400
    assert sum(faults.faults.values()) >= 5
    assert any(fault.startswith("valkey") for fault in faults.faults)
    assert ledger.started_again > 0, "the storm must have met jobs under way"
    # and whatever was logged of all this, no prompt was, and no address of a webhook
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert "job started" in logs
    assert CANARY not in logs
    assert receiver.url not in logs


@pytest.mark.chaos
@pytest.mark.timeout(2400)
def test_nothing_is_lost_or_done_twice_in_a_long_storm(tmp_path: Path, receiver: Receiver, figures: Figures) -> None:
    # Given the leases as they are shipped
    with running_cluster(tmp_path, PARTS) as cluster:
        faults = Faults(cluster, seed=2, frozen_seconds=20, valkey_every=15)
        load = Load(cluster.url, count=10_000, a_second=30, webhook=receiver.url)

        # When
        ledger, settled = weather(cluster, receiver, faults, load, patience=1200)

    # Then
    note(figures, "kill loop, 10,000 jobs", faults, load, ledger, settled)
    ledger.assert_kept()
    assert ledger.acknowledged == 10_000
