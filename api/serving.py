"""Running an app under uvicorn, the same way for every port."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp


class Server(uvicorn.Server):
    """Leaves signals to `serve`: with two servers in a process, each would keep them from the other."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def server(app: ASGIApp, host: str, port: int) -> Server:
    """A server that names no software, bounds what a WebSocket may send, and drains at its end.

    The caller's address is the connection's own; behind a proxy, FORWARDED_ALLOW_IPS names the proxies whose
    X-Forwarded-For and X-Forwarded-Proto are believed.
    """
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "")
    return Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies or None,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=30,
            ws_max_size=4096,
            ws_ping_interval=20,
            ws_ping_timeout=20,
            limit_concurrency=1000,
        )
    )


async def serve(*servers: Server) -> None:
    """Until SIGINT or SIGTERM; then every server drains and this returns. Must run in the main thread."""

    def stop() -> None:
        for item in servers:
            item.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    await asyncio.gather(*(item.serve() for item in servers))
