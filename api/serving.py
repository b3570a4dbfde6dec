"""Running an app under uvicorn, the same way for every port."""

from __future__ import annotations

import os

import uvicorn
from starlette.types import ASGIApp


def server(app: ASGIApp, host: str, port: int) -> uvicorn.Server:
    """A server that names no software, bounds what a WebSocket may send, and drains at its end.

    The caller's address is the connection's own; behind a proxy, FORWARDED_ALLOW_IPS names the proxies whose
    X-Forwarded-For and X-Forwarded-Proto are believed.
    """
    proxies = os.environ.get("FORWARDED_ALLOW_IPS", "")
    return uvicorn.Server(
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
