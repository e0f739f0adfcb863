"""How to compare pictures of single motifs whatever their background.

A plain descriptor, because a pretrained vision model would be another download and its opinion hard to check:
the motif is cut out by its background colour, centred, and described by coarse colours (CIE Lab) and
by histograms of oriented gradients (Dalal & Triggs 2005). Style is told by shading and by the shares of finer
colours, since both styles of a motif share outlines and coarse colours. `evaluate` reports how well it does on the
training pictures themselves, moved, scaled, mirrored and on other backgrounds: the ceiling for everything measured.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE, CELLS, BINS, COLOUR_GRID = 64, 8, 8, 12
# Differences of lightness between neighbours: a flat drawing has hardly any within its shapes, a rendering many.
SHADES = (0, 0.5, 1, 2, 3, 5, 8, 15, 200)
# Lightness, green to red, blue to yellow: all of sRGB.
COLOUR_BINS, COLOUR_RANGE = (6, 10, 10), ((0, 100), (-90, 100), (-110, 100))


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB 0…255 to CIE Lab (D65)."""
    unit = rgb.astype(np.float64) / 255.0
    linear = np.where(unit > 0.04045, ((unit + 0.055) / 1.055) ** 2.4, unit / 12.92)
    matrix = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ matrix.T / np.array([0.9505, 1.0, 1.089])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * root[..., 1] - 16, 500 * (root[..., 0] - root[..., 1]), 200 * (root[..., 1] - root[..., 2])],
        axis=-1,
    )


def background_colour(pixels: np.ndarray) -> np.ndarray:
    """The median of the four corners: motifs may touch an edge, seldom a corner."""
    size = max(4, len(pixels) // 16)
    corners = [pixels[:size, :size], pixels[:size, -size:], pixels[-size:, :size], pixels[-size:, -size:]]
    return np.median(np.concatenate([corner.reshape(-1, 3) for corner in corners]), axis=0)


def cut_out(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """Lab pixels of the motif, fitted into a square, and how much of each pixel is motif."""
    lab = to_lab(np.asarray(image.convert("RGB")))
    background = to_lab(background_colour(np.asarray(image.convert("RGB"))))
    mask = np.clip((np.linalg.norm(lab - background, axis=-1) - 6) / 12, 0, 1)
    rows, columns = np.where(mask.max(axis=1) > 0.5)[0], np.where(mask.max(axis=0) > 0.5)[0]
    if not len(rows) or not len(columns):
        rows = columns = np.arange(len(lab))
    top, left = rows[0], columns[0]
    height, width = rows[-1] + 1 - top, columns[-1] + 1 - left
    side = max(height, width)
    square, cover = np.zeros((side, side, 3)), np.zeros((side, side))
    y, x = (side - height) // 2, (side - width) // 2
    inside = mask[top : top + height, left : left + width]
    square[y : y + height, x : x + width] = lab[top : top + height, left : left + width] * inside[..., None]
    cover[y : y + height, x : x + width] = inside
    return shrink(square), shrink(cover[..., None])[..., 0]


def shrink(array: np.ndarray, side: int = SIDE) -> np.ndarray:
    layers = [
        np.asarray(Image.fromarray(array[..., n].astype(np.float32)).resize((side, side), Image.Resampling.BOX))
        for n in range(array.shape[-1])
    ]
    return np.stack(layers, axis=-1)


def edges(lightness: np.ndarray) -> np.ndarray:
    """Histograms of unsigned gradient directions in 8x8 cells, normalised as a whole."""
    gy, gx = np.gradient(lightness)
    strength, angle = np.hypot(gx, gy), np.arctan2(gy, gx) % np.pi
    bins = np.minimum((angle / np.pi * BINS).astype(int), BINS - 1)
    step = SIDE // CELLS
    cells = np.zeros((CELLS, CELLS, BINS))
    ys, xs = np.indices(lightness.shape)
    np.add.at(cells, (ys // step, xs // step, bins), strength)
    cells = np.sqrt(cells)
    return (cells / (np.linalg.norm(cells) + 1e-6)).ravel()


def describe(image: Image.Image) -> np.ndarray:
    """One vector; Euclidean distance between two says how alike the motifs look."""
    lab, cover = cut_out(image)
    coarse = shrink(np.concatenate([lab, cover[..., None] * 60], axis=-1), COLOUR_GRID).ravel()
    coarse = coarse / 60 / COLOUR_GRID
    return np.concatenate([coarse, edges(lab[..., 0])])


def describe_both_ways(image: Image.Image) -> np.ndarray:
    """The vector of the picture and that of its mirror image: training mirrors, so must the comparison."""
    return np.stack([describe(image), describe(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))])


def describe_style(image: Image.Image) -> np.ndarray:
    """How a motif is painted, wherever it is: histograms of its gradients of lightness and of its colours.

    Square roots of shares, so that distances between two are Hellinger's, both halves of equal weight.
    """
    lab, cover = cut_out(image)
    inside = cover > 0.9
    shades = np.histogram(np.hypot(*np.gradient(lab[..., 0]))[inside], bins=SHADES)[0]
    colours = np.histogramdd(lab[inside], bins=COLOUR_BINS, range=COLOUR_RANGE)[0].ravel()
    return np.concatenate([np.sqrt(counts / max(1, counts.sum())) for counts in (shades, colours)])
