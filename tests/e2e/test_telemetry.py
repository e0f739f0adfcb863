"""What an OpenTelemetry collector gets of one job on the real stack, and that its absence harms nothing."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from core.tracing import trace_id
from tests.app.keeper.receiver import Receiver
from tests.e2e.collector import Collector, Seen
from tests.e2e.stack import Stack, easel_up, until
from tests.ports import free_port

pytestmark = pytest.mark.slow

SPANS = {"easel.request", "easel.wait", "easel.draw", "easel.webhook"}
PARENT = "00f067aa0ba902b7"


def header(trace: str) -> str:
    return f"00-{trace}-{PARENT}-01"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """Api, worker and keeper that tell the collector."""
    with easel_up(tmp_path_factory.mktemp("told") / "data", EASEL_OTLP_ENDPOINT=collector.url) as stack:
        yield stack


def submit(stack: Stack, trace: str, **body: object) -> str:
    answer = stack.http.post("/v1/generations", json=body, headers={"traceparent": header(trace)})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def test_one_trace_from_the_request_to_the_webhook(told: Stack, collector: Collector, receiver: Receiver) -> None:
    # Given processes that tell a collector, and a client with a trace of its own
    trace, other = "4bf92f3577b34da6a3ce929d0e0e4736", "a" * 32
    # When it asks for a picture and a webhook, and for nonsense in another trace
    job = submit(told, trace, prompt="a fox", num_inference_steps=2, webhook=receiver.url)
    refused = told.http.post("/v1/generations", json={"prompt": "x", "n": 0}, headers={"traceparent": header(other)})
    assert refused.status_code == 400
    told.finish(job)
    until(lambda: receiver.told_of(job), 30, "the webhook")
    until(lambda: collector.of_trace(trace).keys() >= SPANS, 60, "the spans")
    until(lambda: collector.of_trace(other), 60, "the refused request's span")

    # Then there are four spans of one trace, from three processes
    seen = collector.of_trace(trace)
    assert seen.keys() == SPANS
    request, wait, draw, webhook = (seen[f"easel.{name}"] for name in ("request", "wait", "draw", "webhook"))
    assert [span.service for span in (request, wait, draw, webhook)] == [
        "easel-api", "easel-worker", "easel-worker", "easel-keeper",
    ]  # fmt: skip
    # the request under the client's, all others under the request
    assert request.parent == PARENT
    assert {span.parent for span in (wait, draw, webhook)} == {request.id}
    # one after the other: it waits from when it was accepted, is drawn when it has waited, is told when it is drawn
    millisecond = 1_000_000  # to which the store rounds
    assert request.start <= wait.start + millisecond
    assert wait.start <= wait.end <= draw.start < draw.end
    assert wait.start < webhook.start < webhook.end
    assert webhook.end > draw.start
    # and they say what happened
    assert request.attributes == {
        "http.request.method": "POST", "http.route": "/v1/generations", "http.response.status_code": 202,
        "url.path": "/v1/generations", "url.scheme": "http",
    }  # fmt: skip
    assert (wait.attributes["easel.job"], draw.attributes["easel.job"], webhook.attributes["easel.job"]) == (job,) * 3
    assert (draw.attributes["easel.model"], draw.attributes["easel.attempt"]) == ("easel-mini-turbo", 1)
    assert webhook.attributes["http.response.status_code"] == 204
    assert not any(span.failed for span in seen.values())
    # the receiver was called under the webhook's span
    headers = receiver.told_of(job)[0].headers
    assert headers["traceparent"] == f"00-{trace}-{webhook.id}-01"
    # what the client did wrong is told by its status and is no error of ours
    wrong = collector.of_trace(other)["easel.request"]
    assert (wrong.attributes["http.response.status_code"], wrong.failed) == (400, False)
    # and probes are no traces
    assert not any(span.attributes.get("url.path") in ("/health/ready", "/metrics") for span in collector.spans)


def test_spans_of_a_job_that_nobody_traced_are_linked_too(told: Stack, collector: Collector) -> None:
    job = told.finish(told.post(prompt="a fox", num_inference_steps=2)["id"])

    def drawn() -> Seen | None:
        spans = (span for span in collector.spans if span.attributes.get("easel.job") == job["id"])
        return next((span for span in spans if span.name == "easel.draw"), None)

    span = until(drawn, 60, "the span of the drawing")
    request = until(lambda: collector.of_trace(span.trace).get("easel.request"), 60, "its request's span")
    assert (span.parent, request.parent) == (request.id, "")


@contextmanager
def away() -> Iterator[str]:
    """The address of a collector that is not there."""
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def deaf() -> Iterator[str]:
    """The address of a collector that takes connections and answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("collector_that_is", [away, deaf])
def test_without_its_collector_everything_goes_on(
    tmp_path: Path, receiver: Receiver, collector_that_is: Callable[[], AbstractContextManager[str]]
) -> None:
    trace = "b" * 32
    with collector_that_is() as url, easel_up(tmp_path / "data", EASEL_OTLP_ENDPOINT=url) as stack:

        def complained() -> bool:
            stack.http.get("/v1/models")  # another span that cannot be told
            return "Failed to export" in stack.log.read_text()

        # Given a collector that was tried in vain
        until(complained, 60, "a failed attempt to send spans")
        # When a picture is asked for, then it is drawn and told, under its trace
        job = submit(stack, trace, prompt="a fox", num_inference_steps=2, webhook=receiver.url)
        assert stack.finish(job)["status"] == "succeeded"
        headers = until(lambda: receiver.told_of(job), 30, "the webhook")[0].headers
        assert trace_id(headers["traceparent"]) == trace
        # and every process stops by itself, before it is made to
        assert stack.stop(signal.SIGINT) == 0
        log = stack.log.read_text()
    assert "did not stop" not in log
    # and the log has a line of each process at most, and no traceback
    assert 1 <= log.count("Failed to export") <= 3
    assert "Traceback" not in log
    assert "Transient error" not in log
