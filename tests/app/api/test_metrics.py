"""GET /metrics: true of this moment, whoever counted, and for nobody without a key where there are keys."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from app.api.collectors import registry_of
from app.keeper.metrics import KeeperMetrics
from app.services import Services
from core.catalog.catalog import Catalog
from core.settings import Settings
from tests.app.conftest import KEY, Connect
from tests.app.fake_worker import FakeWorker
from worker.engine.engine import Engine
from worker.metrics import JobMetrics
from worker.metrics import registry_of as worker_registry
from worker.pipelines.models import Models

DASHBOARD = Path(__file__).parents[3] / "docker" / "grafana" / "easel.json"


def scrape(client: TestClient) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels' values, in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_the_line_the_workers_and_the_ends(client: TestClient, worker: FakeWorker) -> None:
    # Given one job done by another process, one running and one that waits
    for _ in range(3):
        client.post("/v1/generations", json={"prompt": "a cat"})
    worker.announce(models=("mini",))
    worker.draw_next()
    worker.claim()

    seen = scrape(client)

    assert seen["easel_queue_jobs", "default"] == 1
    assert seen["easel_queue_jobs", "large"] == 0
    assert 0 < seen["easel_queue_oldest_seconds", "default"] < 60
    assert seen["easel_jobs_running",] == 1
    assert seen["easel_workers", "none", "default"] == 1
    assert seen["easel_worker_slots", "none", "default"] == 1
    assert seen["easel_jobs_total", "mini", "succeeded"] == 1
    assert seen["easel_job_wait_seconds_count", "mini"] == 1
    assert seen["easel_job_run_seconds_bucket", "+Inf", "mini"] == 1
    assert seen["easel_keeper_up",] == 0
    # and by the next time it is another
    worker.draw_next()
    assert scrape(client)["easel_jobs_total", "mini", "succeeded"] == 2


def test_answers_by_route_and_never_by_path(client: TestClient) -> None:
    for path in ("/v1/generations/gen_1", "/v1/generations/gen_2", "/nowhere", "/elsewhere"):
        client.get(path)
    client.request("BREW", "/v1/models")

    seen = scrape(client)

    counts = {tuple(labels): n for (name, *labels), n in seen.items() if name == "easel_http_request_seconds_count"}
    assert counts["GET", "/v1/generations/{job_id}", "404"] == 2
    assert counts["GET", "none", "404"] == 2
    assert {labels[0] for labels in counts} == {"GET", "OTHER"}


def test_with_keys_it_takes_one(connect: Connect) -> None:
    with connect(api_keys=(SecretStr(KEY),)) as client:
        refused = client.get("/metrics")
        assert (refused.status_code, refused.json()["error"]["type"]) == (401, "authentication_error")
        assert client.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def families(registry: CollectorRegistry) -> set[str]:
    return {family.name for family in registry.collect()}


def test_the_dashboard_asks_for_what_there_is(settings: Settings) -> None:
    # Given what api, keeper and worker tell, and what a worker tells of a GPU
    engine = Engine(Models(Catalog.load(settings.catalog)))
    told = families(registry_of(Services.start(settings))) | families(KeeperMetrics().registry)
    told |= families(worker_registry(engine, torch.device("cpu"), JobMetrics())) | {"easel_device_memory_bytes"}
    told |= {"easel_http_request_seconds"}  # of the application, not of the store

    # When
    asked = set(re.findall(r"easel_\w+", json.dumps(json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"])))

    # Then
    assert len(asked) > 16
    assert {re.sub("_(total|bucket|count|sum)$", "", name) for name in asked} <= told
