"""What the children print: a file each, and one merged, readable log on the terminal."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

KEPT = 3
LARGEST = 20_000_000
"""Bytes of one log file; beyond it the file is rotated while running too."""
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# These print their own housekeeping at levels that mean something else to a reader.
_QUIET = {
    "postgres": re.compile(r"\b(?:WARNING|ERROR|FATAL|PANIC):"),
    "temporal": re.compile(r"level=ERROR|^Error"),
}


class LogFile:
    """A child's log file. `write` never raises: a full disk must not stop what still runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        rotate(path)
        self._open()

    def _open(self) -> None:
        self._file = self.path.open("a", encoding="utf-8", errors="replace", buffering=1)
        self.path.chmod(0o600)

    def write(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._file.write(line + "\n")
            if self._file.tell() > LARGEST:
                self._file.close()
                rotate(self.path)
                self._open()

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def rotate(path: Path) -> None:
    """Moves NAME.log to NAME.log.1, and so on; KEPT old ones stay."""
    if not path.exists() or path.stat().st_size == 0:
        return
    for number in range(KEPT, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if newer.exists():
            newer.replace(older)


class Terminal:
    """The merged log. With `as_json`, one JSON object per line: at (UTC, ISO 8601), part, line."""

    def __init__(self, *, as_json: bool = False, console: Console | None = None) -> None:
        self.as_json = as_json
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._names: list[str] = []

    def child(self, name: str, line: str) -> None:
        """A line that a child printed; the housekeeping of some is left to their log files."""
        quiet = _QUIET.get(name)
        if line.strip() and (quiet is None or quiet.search(line)):
            self._print(name, line)

    def say(self, line: str) -> None:
        """A line of `coco up` itself."""
        self._print("coco", line)

    def warn(self, line: str) -> None:
        self._print("coco", line, "yellow")

    def _print(self, name: str, line: str, style: str = "") -> None:
        line = _CONTROL.sub("", line)
        with suppress(OSError, ValueError):  # the terminal may be gone; the log files go on
            if self.as_json:
                at = datetime.now(UTC).isoformat(timespec="milliseconds")
                sys.stdout.write(json.dumps({"at": at, "part": name, "line": line}, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            else:
                self.console.print(Text(f"{name:>8} │ ", style=self._colour(name)).append(line, style=style))

    def _colour(self, name: str) -> str:
        if name == "coco":
            return "bold"
        if name not in self._names:
            self._names.append(name)
        return _COLOURS[self._names.index(name) % len(_COLOURS)]

    def table(self, rows: list[tuple[str, str, str]]) -> None:
        """What listens where: (what, address, note)."""
        if self.as_json or not self.console.is_terminal:
            self.say("Coco is up. Ctrl-C stops it.")
            for what, address, note in rows:
                self._print("coco", f"{what}: {address}" + (f"  ({note})" if note else ""))
            return
        from rich import box
        from rich.table import Table

        table = Table(box=box.ROUNDED, show_header=False, title="Coco is up. Ctrl-C stops it.", title_style="bold")
        table.add_column(style="bold")
        table.add_column(overflow="fold")
        table.add_column(style="dim", overflow="fold")
        for row in rows:
            table.add_row(*row)
        with suppress(OSError, ValueError):
            self.console.print(table)
