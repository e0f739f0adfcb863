"""Knows how to lay pictures and curves out for a person to look at; does not know where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw


def plot_losses(losses: Sequence[float], path: Path, title: str) -> None:
    """The curve smoothed over a fiftieth of its length, over the raw one."""
    values = np.asarray(losses)
    window = max(1, len(values) // 50)
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    axes.plot(values, alpha=0.25)
    if len(values) > window:
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        axes.plot(np.arange(len(smooth)) + window, smooth)
    axes.set(title=title, xlabel="step", yscale="log")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110, bbox_inches="tight")


def tile(images: Sequence[Image.Image], path: Path, columns: int = 8, labels: Sequence[str] = ()) -> None:
    """A contact sheet, 160 pixels a picture, captions below where there are some."""
    cell, foot = 160, 14 if labels else 0
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * cell, rows * (cell + foot)), "white")
    draw = ImageDraw.Draw(sheet)
    for index, image in enumerate(images):
        x, y = index % columns * cell, index // columns * (cell + foot)
        sheet.paste(image.resize((cell, cell), Image.Resampling.LANCZOS), (x, y))
        if labels:
            draw.text((x + 2, y + cell + 1), labels[index][:28], fill="black")
    sheet.save(path)
