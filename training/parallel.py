"""How the processes that `torchrun` started share one task.

In training each draws batches of its own, and all take the same step along the mean of their gradients. That is worth
it on a processor, too: two processes of one thread each train the UNet a third faster than one of two threads, because
what no thread can share is done twice at once.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import distributed, nn

Item = TypeVar("Item")


def join() -> None:
    """Nothing happens in a process that works alone."""
    if "WORLD_SIZE" not in os.environ:
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group()
    if rank() > 0:
        logging.getLogger().setLevel(logging.WARNING)
    atexit.register(distributed.destroy_process_group)


def wait() -> None:
    """Until all have come this far."""
    if count() > 1:
        distributed.barrier()


def rank() -> int:
    """This process's number among those that work together: number 0 saves and reports."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes work together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def start_alike(network: nn.Module) -> None:
    """All take over the weights of number 0."""
    if count() > 1:
        for tensor in network.state_dict().values():
            distributed.broadcast(tensor, 0)


def average_gradients(network: nn.Module, clock: float = 0.0) -> float:
    """Every gradient becomes the mean over the processes. So does `clock`, which is returned: they stop as one."""
    if count() == 1:
        return clock
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    sizes = [gradient.numel() for gradient in gradients]
    shared = torch.cat([*(gradient.flatten() for gradient in gradients), gradients[0].new_tensor([clock])])
    distributed.all_reduce(shared)
    shared /= count()
    *means, mean_clock = shared.split([*sizes, 1])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))
    return float(mean_clock)


def deal(items: Sequence[Item]) -> Sequence[Item]:
    """This process's share of what all have."""
    return items[rank() :: count()]


def collect(own: Sequence[Item]) -> list[Item]:
    """What each made of its share, in the order of what was dealt out; every process gets all."""
    if count() == 1:
        return list(own)
    shares: list[Sequence[Item]] = [()] * count()
    distributed.all_gather_object(shares, own)
    rounds = range(max(map(len, shares)))
    return [share[turn] for turn in rounds for share in shares if turn < len(share)]
