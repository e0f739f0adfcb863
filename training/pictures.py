"""How to turn the packages' files into 256-pixel RGBA arrays."""

from __future__ import annotations

import io
import json
import logging
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from training import workspace

logger = logging.getLogger(__name__)

SIZE = 256
STYLES = ("3d", "flat")


def find_asset(folder: Path, hexcode: str, suffix: str) -> Path | None:
    """Packages disagree on whether the variation selector belongs in the name."""
    code = hexcode.lower()
    for name in (code, code.replace("-fe0f", ""), f"{code}-fe0f"):
        path = folder / f"{name}.{suffix}"
        if path.exists():
            return path
    return None


def read_picture(path: Path) -> np.ndarray:
    """RGBA with the colour under transparent pixels kept black, so that compositing is exact."""
    if path.suffix == ".svg":
        import cairosvg  # needs Cairo's library: nothing but this does

        data = cairosvg.svg2png(bytestring=path.read_bytes(), output_width=SIZE, output_height=SIZE)
        image = Image.open(io.BytesIO(data))
    else:
        image = Image.open(path)
    image = image.convert("RGBA")
    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def prepare_pictures(groups: tuple[int, ...] = (0, 3, 4, 5, 6, 7)) -> None:
    """Rasterise every emoji of these groups that exists in both styles into one array a style."""
    workspace.PICTURES.mkdir(parents=True, exist_ok=True)
    entries = [e for e in json.loads(workspace.EMOJIBASE.read_text()) if e.get("group") in groups]
    arrays: dict[str, list[np.ndarray]] = {style: [] for style in STYLES}
    codes: list[str] = []
    for entry in tqdm(entries, desc="pictures"):
        solid = find_asset(workspace.FLUENT_3D, entry["hexcode"], "webp")
        flat = find_asset(workspace.FLUENT_FLAT, entry["hexcode"], "svg")
        if solid is None or flat is None:
            continue
        codes.append(entry["hexcode"])
        arrays["3d"].append(read_picture(solid))
        arrays["flat"].append(read_picture(flat))
    for style in STYLES:
        np.save(workspace.PICTURES / f"{style}.npy", np.stack(arrays[style]))
    (workspace.PICTURES / "codes.json").write_text(json.dumps(codes))
    logger.info("%d motifs in %d styles", len(codes), len(STYLES))


@cache
def load_pictures(style: str) -> np.ndarray:
    """All pictures of a style, Nx256x256x4, memory-mapped; the order is that of `load_codes`."""
    return np.load(workspace.PICTURES / f"{style}.npy", mmap_mode="r")


@cache
def load_codes() -> list[str]:
    return json.loads((workspace.PICTURES / "codes.json").read_text())
