"""A trace goes from the request into the job and on to the webhook, and into no other job."""

from __future__ import annotations

from fastapi.testclient import TestClient

from app.keeper.sender import Sender
from core.store import JobStore
from core.tracing import trace_id
from tests.app.fake_worker import FakeWorker
from tests.app.keeper.conftest import jobs, outbox, receiver, sender  # noqa: F401 - fixtures
from tests.app.keeper.receiver import Receiver

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = f"00-{TRACE}-00f067aa0ba902b7-01"


def test_from_the_request_to_the_webhook(
    client: TestClient,
    worker: FakeWorker,
    sender: Sender,  # noqa: F811 - a fixture
    jobs: JobStore,  # noqa: F811
    receiver: Receiver,  # noqa: F811
) -> None:
    # Given
    body = {"prompt": "a red apple", "webhook": receiver.url}
    made = client.post("/v1/generations", json=body, headers={"traceparent": HEADER}).json()

    # When
    worker.draw_next()
    sender.drain()

    # Then
    job = jobs.get(made["id"])
    assert job is not None
    assert job.traceparent == HEADER
    (seen,) = receiver.seen
    assert trace_id(seen.headers["traceparent"]) == TRACE
    assert seen.headers["traceparent"] != HEADER


def test_without_one_or_with_nonsense_there_is_none(client: TestClient, jobs: JobStore) -> None:  # noqa: F811
    for headers in ({"traceparent": HEADER}, {}, {"traceparent": "00-nonsense"}):
        made = client.post("/v1/generations", json={"prompt": "x"}, headers=headers).json()
        job = jobs.get(made["id"])
        assert job is not None
        assert (job.traceparent is not None) == (headers == {"traceparent": HEADER})
