"""The table of figures that `make chaos` prints at its end. Knows text only."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Figures:
    """Rows of what was promised and what was measured."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, what: str, promised: str, measured: str) -> None:
        self.rows.append((what, promised, measured))

    def table(self) -> list[str]:
        rows = [("what", "promised", "measured"), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        lines = [f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}" for row in rows]
        return [lines[0], "-" * max(map(len, lines)), *lines[1:]]
