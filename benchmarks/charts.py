"""Charts of the figures, as PNG files."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

PLAIN, BATCH, ENGINE = "#a8a29e", "#fdba74", "#c2410c"


def engine_chart(results: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """For each model: pictures a second by way of drawing, and how long they took; lower is better on the right."""
    figure, axes = plt.subplots(len(results), 2, figsize=(9, 2.6 * len(results)), layout="constrained", squeeze=False)
    for (speed, wait), (name, result) in zip(axes, results.items(), strict=True):
        bars = {
            "one by one": ("equal: one by one, images/s", PLAIN),
            "one static batch": ("equal: static batch, images/s", BATCH),
            "Easel": ("equal: engine, images/s", ENGINE),
            "mixed, one by one": ("mixed arrivals: one by one, images/s", PLAIN),
            "mixed, Easel": ("mixed arrivals: engine, images/s", ENGINE),
        }
        draw_bars(speed, {label: (result[figure], colour) for label, (figure, colour) in bars.items()})
        speed.set(title=f"{name}: pictures a second", xlim=(0, speed.get_xlim()[1] * 1.12))
        waits = {
            "p50, one by one": ("mixed arrivals: p50 one by one, s", PLAIN),
            "p50, Easel": ("mixed arrivals: p50 engine, s", ENGINE),
            "p95, one by one": ("mixed arrivals: p95 one by one, s", PLAIN),
            "p95, Easel": ("mixed arrivals: p95 engine, s", ENGINE),
        }
        draw_bars(wait, {label: (result[figure], colour) for label, (figure, colour) in waits.items()})
        wait.set(title=f"{name}: seconds, mixed", xlim=(0, wait.get_xlim()[1] * 1.12))
    save(figure, path)


def peers_chart(
    rounds: Mapping[str, Sequence[Mapping[str, float]]], titles: Mapping[str, str], model: str, path: Path
) -> None:
    """Every server's pictures a second and seconds, the median of the rounds; lines reach from lowest to highest."""
    figures = {
        "equal requests: pictures a second": "equal, images/s",
        "unlike requests: pictures a second": "mixed, images/s",
        "4 steps alone: seconds, fewer are better": "4 steps alone, s",
        "unlike requests: 95 % within, seconds": "mixed, p95 s",
    }
    figure, axes = plt.subplots(2, 2, figsize=(10, 1.2 + 0.62 * len(rounds)), layout="constrained", sharey=True)
    names = [titles[name] for name in rounds]
    colours = [ENGINE if name.startswith("easel") else PLAIN for name in rounds]
    for place, (title, key) in zip(axes.flat, figures.items(), strict=True):
        values = [sorted(each[key] for each in taken) for taken in rounds.values()]
        middles = [statistics.median(each) for each in values]
        lowest, highest = zip(*((each[0], each[-1]) for each in values), strict=True)
        place.barh(names, middles, color=colours)
        place.hlines(names, lowest, highest, color="#1c1917", linewidth=1)
        for name, middle, end in zip(names, middles, highest, strict=True):
            place.annotate(f"{middle:.2f}", (end, name), (4, 0), textcoords="offset points", va="center")
        place.set(title=title, xlim=(0, max(highest) * 1.15))
        place.spines[["top", "right"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    figure.suptitle(f"{model}, 256 pixels, the same requests to each")
    save(figure, path)


def draw_bars(axes: Any, values: Mapping[str, tuple[float, str]]) -> None:  # noqa: ANN401 - matplotlib's own
    lengths, colours = zip(*values.values(), strict=True)
    bars = axes.barh(list(values), lengths, color=colours)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Any, path: Path) -> None:  # noqa: ANN401
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def service_chart(latencies: Sequence[float], share: float, path: Path) -> None:
    """How long jobs took at 70 % load; `share` is the service's throughput over the bare engine's."""
    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    ordered = sorted(latencies)
    axes.step(ordered, [(index + 1) / len(ordered) for index in range(len(ordered))], where="post", color="#c2410c")
    axes.set(
        xlabel="seconds from submission to the stored picture",
        ylabel="share of jobs",
        title=f"Jobs at 70 % load; under overload the service draws {share:.0%} of what one bare engine does",
        ylim=(0, 1.02),
    )
    axes.grid(alpha=0.3)
    save(figure, path)
