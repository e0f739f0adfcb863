"""Freed blocks stay with the process: in a process of its own, since the allocator's settings are for good."""

from __future__ import annotations

import subprocess
import sys

import pytest

TRIAL = """
import resource, torch
from worker.allocator import give_memory_back, keep_freed_memory

torch.set_num_threads(1)
layers = [torch.nn.Conv2d(16, 16, 3, padding=1) for _ in range(4)]
pictures = torch.ones(8, 16, 256, 256)  # 32 MiB a layer

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    with torch.no_grad():
        torch.nn.Sequential(*layers)(pictures)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    return int(open("/proc/self/statm").read().split()[1])

left_alone = sum(faults() for _ in range(8))
assert keep_freed_memory()
kept, held = sum(faults() for _ in range(8)), resident()
give_memory_back()
print(left_alone, kept, held - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is Linux's")
def test_large_blocks_are_reused_and_given_back_when_asked() -> None:
    # When the same layers run again and again
    done = subprocess.run([sys.executable, "-c", TRIAL], capture_output=True, text=True, check=True)
    left_alone, kept, given_back = (int(word) for word in done.stdout.split())
    # Then its pages come from the system once (and a block more where two lie too close), and go back when asked
    assert left_alone > 8000
    assert kept < left_alone / 4
    assert given_back * 4096 >= 30 * 2**20
