"""How to lay pictures and curves out for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

# What every sheet of a training and the sample of an exported model show, so that they can be compared.
PROMPTS = (
    "a red apple", "a fox", "a slice of pizza", "a rocket", "a cat", "a dog", "an elephant", "a sunflower",
    "a red apple on a dark blue background", "a flat icon of a fox", "a banana, flat icon", "a castle",
    "a cup of coffee", "a hamburger", "a bicycle", "a guitar", "a house", "a penguin on a yellow background",
    "a piano", "a skateboard", "a cat and a rocket", "a flat icon of a tree on a pink background",
    "a tiger, 3d render", "a robot", "a giraffe", "a blue heart", "a sofa", "an octopus and a strawberry",
    "kitty", "a vessel on the sea", "a flying saucer", "a light bulb on a black background",
)  # fmt: skip


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
    sheet.save(path, quality=85)
