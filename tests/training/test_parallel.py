"""Processes that train together take the same steps, along the mean of their gradients, and stop as one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import torch
from torch import nn

from training import parallel

# What `torchrun` does to each of two processes, which start from different weights and see different batches.
TRAIN = """
import json, torch
from torch import nn
from training import parallel

parallel.join()
rank = parallel.rank()
torch.manual_seed(rank)
network = nn.Linear(2, 1, bias=False)
parallel.start_alike(network)
started = network.weight.tolist()
network(torch.tensor([[1.0, 10.0 * rank]])).sum().backward()
clock = parallel.average_gradients(network, clock=0.5 + rank)
made = parallel.collect([10 * item for item in parallel.deal([1, 2, 3])])
print(json.dumps([parallel.count(), started, network.weight.grad.tolist(), clock, made]))
"""


def test_two_processes_start_alike_and_share_gradients_clock_and_work() -> None:
    # Given a place for two processes to meet
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}

    # When each takes one batch of its own
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN],
            env={**os.environ, **meeting, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [json.loads(process.communicate(timeout=120)[0]) for process in started]

    # Then both know the same weights, the mean gradient, the mean time and what both made, in order
    assert said[0] == said[1]
    count, weights, gradient, clock, made = said[0]
    assert count == 2
    assert gradient == [[1.0, 5.0]]
    assert clock == 1.0
    assert made == [10, 20, 30]
    torch.manual_seed(0)
    assert weights == nn.Linear(2, 1, bias=False).weight.tolist()


def test_alone_nothing_is_changed() -> None:
    network = nn.Linear(2, 1, bias=False)
    network(torch.tensor([[1.0, 3.0]])).sum().backward()

    parallel.start_alike(network)

    assert parallel.average_gradients(network, clock=0.25) == 0.25
    assert (parallel.rank(), parallel.count()) == (0, 1)
    assert network.weight.grad.tolist() == [[1.0, 3.0]]
    assert parallel.collect(parallel.deal(["one", "two"])) == ["one", "two"]
