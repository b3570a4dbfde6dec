"""The doctor's findings as a table."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.doctor import Check, State

_MARKS = {
    State.OK: Text("ok", style="green"),
    State.NOTE: Text("note", style="yellow"),
    State.MISSING: Text("missing", style="bold red"),
}


def show(checks: list[Check]) -> None:
    """Prints them, and what to do about those that are not well."""
    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "", "found", "what to do"):
        table.add_column(heading, overflow="fold")
    for check in checks:
        # Text, not markup: what was found is said by other programs.
        table.add_row(_MARKS[check.state], check.name, Text(check.found), Text(check.fix))
    console = Console(highlight=False)
    console.print(table)
    missing = [check.name for check in checks if check.state is State.MISSING]
    console.print(f"Missing: {', '.join(missing)}." if missing else "Coco can start: coco up")
