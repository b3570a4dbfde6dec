"""Starts children in order, restarts one that dies, and stops everything in reverse order: only what it started."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

from cli.errors import Fix
from cli.up.children import Child, Register, Spec, how_it_ended
from cli.up.logs import LogFile, Terminal

RESTARTS_A_MINUTE = 5
FIRST_DELAY, LONGEST_DELAY = 0.5, 8.0


class Kept:
    """A child that is kept running: one after the other, of one specification."""

    def __init__(self, spec: Spec, log: LogFile, supervisor: Supervisor) -> None:
        self.spec = spec
        self.log = log
        self.child: Child | None = None
        self._supervisor = supervisor
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Until it is ready. Raises Fix; then it does not run."""
        self.child = await self._one()
        self._keeper = asyncio.create_task(self._keep(self.child), name=f"keeper of {self.spec.name}")

    async def stop(self) -> None:
        """Until it has ended."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        if self.child is not None:
            await self.child.stop()
            self._supervisor.register.remove(self.child)
        self.log.close()

    async def _one(self) -> Child:
        child = self.child = await Child.start(self.spec, self.log, self._supervisor.terminal.child)
        self._supervisor.register.add(child)
        await child.wait_ready(self.log.path)
        return child

    async def _keep(self, child: Child) -> None:
        terminal, restarts = self._supervisor.terminal, deque[float]()
        while True:
            code = await child.process.wait()
            await child.stop()  # what it left of its group
            how = how_it_ended(code)
            while True:
                now = time.monotonic()
                while restarts and restarts[0] < now - 60:
                    restarts.popleft()
                if len(restarts) >= RESTARTS_A_MINUTE:
                    self._supervisor.fail(
                        Fix(
                            f"{self.spec.name} ended {len(restarts) + 1} times within a minute ({how}); "
                            f"everything is stopped. {self.log.path} says why"
                        )
                    )
                    return
                delay = min(LONGEST_DELAY, FIRST_DELAY * 2 ** len(restarts))
                restarts.append(now)
                terminal.warn(f"{self.spec.name} ended ({how}); starting it again in {delay:.1f} s")
                await asyncio.sleep(delay)
                try:
                    child = await self._one()
                    terminal.say(f"{self.spec.name} is up again")
                    break
                except Fix as error:
                    terminal.warn(str(error))
                    how = "not ready"
                    if self.child is not None:
                        await self.child.stop()


class Supervisor:
    """What runs, in the order of its start. `stop()` is safe at any moment."""

    def __init__(self, logs: Path, register: Register, terminal: Terminal) -> None:
        self.register = register
        self.terminal = terminal
        self._logs = logs
        self._steps: list[tuple[str, Callable[[], Awaitable[None]]]] = []
        self._end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, *specs: Spec) -> None:
        """Starts children side by side and waits until all are ready; at the end they are stopped side by side. Raises
        Fix of the first that is not ready."""
        if not specs:
            return
        kept = [Kept(spec, LogFile(self._logs / f"{spec.name}.log"), self) for spec in specs]
        self.on_stop(", ".join(spec.name for spec in specs), lambda: _all(item.stop() for item in kept))
        self.terminal.say(f"starting {', '.join(spec.name for spec in specs)}")
        await _all(item.start() for item in kept)

    def on_stop(self, what: str, step: Callable[[], Awaitable[None]]) -> None:
        """Has `step` run at the end, after everything that is added later."""
        self._steps.append((what, step))

    def fail(self, error: BaseException) -> None:
        """Ends `wait` with an error."""
        if not self._end.done():
            self._end.set_exception(error)

    def end(self) -> None:
        """Ends `wait`."""
        if not self._end.done():
            self._end.set_result(None)

    async def wait(self) -> None:
        """Until `end` or `fail`."""
        await asyncio.shield(self._end)

    async def stop(self) -> None:
        """Runs the steps in reverse order. A step that fails is logged and hinders no other."""
        while self._steps:
            what, step = self._steps.pop()
            try:
                await step()
            except Exception as error:
                self.terminal.warn(f"stopping {what} failed: {type(error).__name__}: {error}")
        if self._end.done() and not self._end.cancelled():
            self._end.exception()  # looked at, so that nobody complains


async def _all(several: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Until each has ended. Raises what the first of those that failed raised."""
    for result in await asyncio.gather(*several, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
