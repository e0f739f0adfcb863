"""Tells the figures at the end of the run, whichever of its processes measured them. A plugin; knows no test."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.report import Figures

FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = Figures()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """One of several processes leaves the telling to the first."""
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["figures"] = session.config.stash[FIGURES].rows


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    rows = getattr(node, "workeroutput", {}).get("figures", [])
    node.config.stash[FIGURES].rows += [tuple(row) for row in rows]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    figures = config.stash[FIGURES]
    if figures.rows:
        terminalreporter.section("figures of the chaos tests")
        for line in figures.table():
            terminalreporter.write_line(line)
