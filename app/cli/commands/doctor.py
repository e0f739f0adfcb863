"""`easel doctor`: what is wrong on this machine, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table
from rich.text import Text

from app.cli.checks.finding import Finding
from app.cli.checks.machine import disk_findings, memory_findings, torch_findings
from app.cli.checks.models import model_findings, running_findings
from app.cli.checks.network import binding_findings, port_findings, redis_findings
from app.cli.terminal import DataDirOption, JsonOption, settings, show


def doctor(as_json: JsonOption = False, data_dir: DataDirOption = None) -> None:
    """Check device, memory, models, disk, Redis and port; the exit code is 1 if something is wrong."""
    chosen = settings(data_dir=data_dir)
    findings = [
        *torch_findings(chosen),
        *memory_findings(chosen),
        *model_findings(chosen),
        *running_findings(chosen),
        *disk_findings(chosen),
        *redis_findings(chosen),
        *port_findings(chosen),
        *binding_findings(chosen),
    ]
    show([asdict(finding) for finding in findings], as_json, lambda: findings_table(findings))
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def findings_table(findings: list[Finding]) -> Table:
    """The findings, a row each; what to do only where there is something to do."""
    colors = {"ok": "green", "warning": "yellow", "problem": "red"}
    advised = any(finding.advice for finding in findings)
    table = Table("what", "state", "found", *["what to do"] * advised)
    for finding in findings:
        state = f"[{colors[finding.state]}]{finding.state}[/]"
        table.add_row(finding.what, state, Text(finding.found), *[Text(finding.advice)] * advised)
    return table
