"""Charts of the figures, as PNG files. Knows matplotlib and no benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt


def service_chart(latencies: Sequence[float], share: float, path: Path) -> None:
    """How long jobs took at 70 % load; `share` is the service's throughput over the bare engine's."""
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    ordered = sorted(latencies)
    axes.step(ordered, [(index + 1) / len(ordered) for index in range(len(ordered))], where="post", color="#c2410c")
    axes.set(
        xlabel="seconds from submission to the stored picture",
        ylabel="share of jobs",
        title=f"Jobs at 70 % load; under overload the service keeps {share:.0%} of the bare engine's speed",
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)
