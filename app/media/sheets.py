"""A contact sheet: several pictures as one, in rows. Told by the api, drawn in the process that holds their pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

MOST_SIDE: Final = 256
"""Pixels of a side of one cell."""

MOST_SHEET: Final = 4096
"""Pixels of a side of the sheet, as of any picture."""

GAP: Final = 8
BAND: Final = 18
"""Pixels below a cell, for what is said of it."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The number of an open picture, None where there is none yet; and what stands below it."""

    picture: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Cells of `side` pixels, `columns` of them in a row."""

    columns: int
    side: int
    cells: tuple[Cell, ...]

    @property
    def rows(self) -> int:
        """As many as the cells need."""
        return max(1, -(-len(self.cells) // self.columns))

    @property
    def band(self) -> int:
        """Pixels for labels below each row."""
        return BAND if any(cell.label for cell in self.cells) else 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return GAP + self.columns * (self.side + GAP), GAP + self.rows * (self.side + self.band + GAP)


def columns_for(cells: int, together: int) -> int:
    """Columns of a sheet that is about square, in which `together` cells that belong together share a row."""
    square = math.ceil(math.sqrt(max(1, cells)))
    return max(1, math.ceil(square / together)) * together


def side_for(cells: int, columns: int) -> int:
    """Pixels of a side of the cells, so that the sheet is within its bounds with labels and without."""
    rows = max(1, -(-cells // columns))
    return min(MOST_SIDE, (MOST_SHEET - GAP) // columns - GAP, (MOST_SHEET - GAP) // rows - GAP - BAND)
