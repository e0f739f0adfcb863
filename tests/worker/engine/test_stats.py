"""What the engine counts is what it did, and a worker tells Prometheus."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable

import torch
from prometheus_client.parser import text_string_to_metric_families

from core.metrics_server import expose
from tests.worker.engine.drawings import a_request, misbehave
from worker.engine.engine import Engine
from worker.metrics import JobMetrics, registry_of
from worker.pipelines.models import Models


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def scraped(engine: Engine) -> dict[tuple[str, ...], float]:
    """Samples by name and label values, over HTTP."""
    port = free_port()
    expose(registry_of(engine, torch.device("cpu"), JobMetrics()), "127.0.0.1", port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {(s.name, *(s.labels[name] for name in sorted(s.labels))): s.value for f in families for s in f.samples}


def test_forwards_rows_and_prompts_are_counted(fresh_models: Callable[..., Models]) -> None:
    # Given three pictures of one prompt, drawn together in forwards of six rows
    engine = Engine(fresh_models(), max_rows=16)
    for seed in range(3):
        engine.submit(a_request(seed=seed, num_inference_steps=4))
    engine.stop()
    engine.run()

    # When
    seen = scraped(engine)

    # Then
    assert seen["easel_forward_rows_count", "sd15", "denoise"] == 4
    assert seen["easel_forward_rows_sum", "sd15", "denoise"] == 24
    assert seen["easel_forward_rows_bucket", "4", "sd15", "denoise"] == 0
    assert seen["easel_forward_rows_bucket", "8", "sd15", "denoise"] == 4
    assert seen["easel_forward_seconds_total", "sd15", "denoise"] > 0
    assert seen["easel_prompts_total", "encoder"] == 2
    assert seen["easel_forward_rows_sum", "sd15", "encode"] == 2
    assert seen["easel_engine_drawings",] == 0
    assert seen["process_resident_memory_bytes",] > 0


def test_the_memory_ladder_is_counted(fresh_models: Callable[..., Models]) -> None:
    # Given a model that fits one picture at a time
    models = fresh_models()

    def fit_two_rows(sample: torch.Tensor, *args: object, **rest: object) -> None:
        if len(sample) > 2:
            raise torch.OutOfMemoryError

    misbehave(models.get("sd15").pipeline.unet, "forward", fit_two_rows)
    engine = Engine(models)

    # When
    for seed in range(2):
        engine.submit(a_request(seed=seed))
    engine.stop()
    engine.run()

    # Then
    assert scraped(engine)["easel_out_of_memory_total", "batch halved"] >= 1


def test_a_port_that_is_taken_is_done_without(fresh_models: Callable[..., Models]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        expose(
            registry_of(Engine(fresh_models()), torch.device("cpu"), JobMetrics()), "127.0.0.1", taken.getsockname()[1]
        )
