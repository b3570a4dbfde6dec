"""One child process of `coco up`: how it is started, when it is ready, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from cli.errors import Fix
from cli.postgres import launched
from cli.up.logs import LogFile

GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05
KEPT_LINES = 40
LONGEST_LINE = 64 * 1024

Say = Callable[[str, str], None]
"""Told (name, line) of everything a child prints."""


@dataclass(frozen=True)
class Spec:
    """What to start.

    env: the whole environment; secrets go there or into key files, never into `command`, which everybody on the
    machine can read. ready: returns once the process can be used; it is cancelled when the process ends before.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str]
    ready: Callable[[Child], Awaitable[None]]
    ready_seconds: float = 60
    stop_signal: signal.Signals = signal.SIGTERM
    user: str = ""
    """Whom to become; root only."""


@dataclass
class Child:
    """A running one. `pid` is that of the program itself: the launcher becomes it."""

    spec: Spec
    process: asyncio.subprocess.Process
    started: float
    """When, as the kernel says (seconds since the epoch): with the pid it names this process and no later one."""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    printed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @staticmethod
    async def start(spec: Spec, log: LogFile, say: Say) -> Child:
        """Starts it in a process group of its own, so that Ctrl-C reaches `coco up` alone. Raises Fix."""
        try:
            process = await asyncio.create_subprocess_exec(
                *launched(list(spec.command), user=spec.user, number=spec.stop_signal),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(spec.env),
                start_new_session=True,
                limit=LONGEST_LINE,
            )
        except OSError as error:
            raise Fix(f"{spec.name} could not be started: {error}") from error
        child = Child(spec, process, start_time(process.pid) or 0.0)
        child._reader = asyncio.create_task(child._read(log, say), name=f"log of {spec.name}")
        return child

    async def wait_ready(self, log_path: Path) -> None:
        """Until it can be used. Raises Fix that names the log where it ends first, or takes too long."""
        ready = asyncio.ensure_future(self.spec.ready(self))
        ended = asyncio.ensure_future(self.process.wait())
        try:
            await asyncio.wait({ready, ended}, timeout=self.spec.ready_seconds, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
            elif ended.done():
                await self.drained()
                raise Fix(
                    f"{self.spec.name} ended at its start ({how_it_ended(ended.result())}); {log_path} says why"
                    + self._last_line()
                )
            else:
                raise Fix(
                    f"{self.spec.name} was not ready within {self.spec.ready_seconds:.0f} s; see {log_path}"
                    + self._last_line()
                )
        finally:
            for task in (ready, ended):
                task.cancel()
            await asyncio.gather(ready, ended, return_exceptions=True)

    async def stop(self) -> None:
        """Asks it to end, and insists after GRACE_SECONDS. Then whatever of its group is left is killed too."""
        if self.process.returncode is None:
            self._signal(self.spec.stop_signal)
            try:
                await asyncio.wait_for(self._gone(), GRACE_SECONDS)
            except TimeoutError:
                self._signal_group(signal.SIGKILL)
                await self.process.wait()
        self._signal_group(signal.SIGKILL)
        await self.drained()

    async def _gone(self) -> None:
        """Until it has ended. `process.wait` would wait for whatever it started too, where that prints to its pipe."""
        while self.process.returncode is None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(POLL_SECONDS)

    async def drained(self) -> None:
        """All that it printed has been logged (what a grandchild still prints is not waited for)."""
        if self._reader is not None:
            await asyncio.wait({self._reader}, timeout=1)
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)

    async def line_with(self, text: str) -> None:
        """Until it has printed a line that holds `text`."""
        async with self.printed:
            await self.printed.wait_for(lambda: any(text in line for line in self.lines))

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    def _signal_group(self, number: signal.Signals) -> None:
        # Its group is its own, and while a member lives the kernel gives the number to nobody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _last_line(self) -> str:
        line = next((line for line in reversed(self.lines) if line.strip()), "")
        return f": {line.strip()[:300]}" if line else ""

    async def _read(self, log: LogFile, say: Say) -> None:
        assert self.process.stdout is not None
        while True:
            try:
                raw = await self.process.stdout.readline()
            except ValueError:  # longer than LONGEST_LINE; that part was dropped
                raw = b"(a line that was too long)\n"
            if not raw:
                return
            line = raw.decode("utf-8", errors="replace").rstrip("\r\n")
            log.write(line)
            say(self.spec.name, line)
            async with self.printed:
                self.lines.append(line)
                self.printed.notify_all()


def how_it_ended(code: int) -> str:
    """An exit code for people."""
    return f"exit code {code}" if code >= 0 else f"killed by {signal.Signals(-code).name}"


def start_time(pid: int) -> float | None:
    """When a process was started, or None where there is none."""
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None


class Register:
    """Which processes this `coco up` started, on disk, so that the next one knows those that a kill left behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._children: dict[str, Child] = {}

    def add(self, child: Child) -> None:
        self._children[child.spec.name] = child
        self._write()

    def remove(self, child: Child) -> None:
        if self._children.get(child.spec.name) is child:
            del self._children[child.spec.name]
            self._write()

    def _write(self) -> None:
        told = [{"name": name, "pid": child.pid, "started": child.started} for name, child in self._children.items()]
        partial = self._path.with_suffix(".new")
        partial.write_text(json.dumps(told, indent=1))
        partial.replace(self._path)

    @staticmethod
    def left_over(path: Path) -> list[tuple[str, psutil.Process]]:
        """Those of an earlier start that still run: same pid and same start time."""
        try:
            told = json.loads(path.read_text())
            entries = [(str(item["name"]), int(item["pid"]), float(item["started"])) for item in told]
        except (OSError, ValueError, KeyError, TypeError):
            return []
        found = []
        for name, pid, started in entries:
            with suppress(psutil.NoSuchProcess):
                process = psutil.Process(pid)
                if abs(process.create_time() - started) < 0.02:
                    found.append((name, process))
        return found


def stop_left_over(path: Path, seconds: float = GRACE_SECONDS) -> list[str]:
    """Stops what a killed `coco up` left, and waits for it; their names. The kernel has told them to end already."""
    left = Register.left_over(path)
    processes = [process for _, process in left]
    _, alive = psutil.wait_procs(processes, timeout=seconds / 2)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(alive, timeout=seconds)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=seconds)
    return [name for name, _ in left]
