"""When a child is ready: what is asked of it until it answers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from cli import postgres
from cli.places import Places
from cli.up.children import POLL_SECONDS, Child

Ready = Callable[[Child], Awaitable[None]]


def http(url: str, *, below: int = 500) -> Ready:
    """It answers there, with whatever status below that."""

    async def wait(child: Child) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=5, verify=False) as client:  # noqa: S501 - loopback
            while True:
                try:
                    if (await client.get(url)).status_code < below:
                        return
                except httpx.HTTPError:
                    pass
                await asyncio.sleep(POLL_SECONDS)

    return wait


def listening(*ports: int) -> Ready:
    """The child, with what it started, listens at all of them: what answers there might be somebody else's."""

    async def wait(child: Child) -> None:
        while not await asyncio.to_thread(_has, child.pid, set(ports)):  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(POLL_SECONDS)

    return wait


def _has(pid: int, ports: set[int]) -> bool:
    opened = set()
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            opened |= {seen.laddr.port for seen in one.net_connections("tcp") if seen.status == psutil.CONN_LISTEN}
    return ports <= opened


def every(*several: Ready) -> Ready:
    """All of them, one after the other."""

    async def wait(child: Child) -> None:
        for ready in several:
            await ready(child)

    return wait


def line(text: str) -> Ready:
    """It has printed that."""

    async def wait(child: Child) -> None:
        await child.line_with(text)

    return wait


def file(path: Path) -> Ready:
    """It has written that file, which was not there before."""

    return _polled(path.exists)


def unix_socket(path: Path) -> Ready:
    """It accepts connections at that socket."""

    return _polled(lambda: _accepts(path))


def embedded_postgres(places: Places) -> Ready:
    """It takes connections."""

    return _polled(lambda: postgres.answers(places))


def _polled(check: Callable[[], bool]) -> Ready:
    """Another process comes about; there is nothing to be told by."""

    async def wait(child: Child) -> None:
        while not await asyncio.to_thread(check):  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    return wait


def _accepts(path: Path) -> bool:
    from sandbox.gateway.folders import SocketAddress

    try:
        address = SocketAddress(path)
    except OSError:
        return False
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(2)
            probe.connect(address.target.removeprefix("unix:"))
    except OSError:
        return False
    finally:
        address.close()
    return True
