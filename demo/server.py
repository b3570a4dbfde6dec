"""Both servers of the workspace, over one state directory."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from demo import clock, control, crm, mail, pages
from demo.errors import Refusal
from demo.faults import Faults
from demo.front import Front
from demo.seed import seed
from demo.storage import Storage


@dataclass(frozen=True)
class Options:
    """How the workspace is started. Port 0 takes any free one."""

    host: str
    port: int
    smtp_port: int
    state: Path
    announce: Path | None


def application(storage: Storage, faults: Faults, api_key: str) -> ASGIApp:
    """The HTTP side."""
    app = FastAPI(title="Demo workspace", openapi_url=None)
    app.include_router(pages.router(storage))
    app.include_router(control.router(storage, faults))
    app.include_router(crm.router(storage))

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return JSONResponse(refusal.body, status_code=refusal.status)

    @app.exception_handler(HTTPException)
    async def no_such_route(request: Request, error: HTTPException) -> JSONResponse:
        refusal = Refusal(error.status_code, "OBJECT_NOT_FOUND", f"{request.method} {request.url.path}: {error.detail}")
        return JSONResponse(refusal.body, status_code=error.status_code)

    return Front(app, storage, faults, api_key)


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it has begun to accept."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_started()


async def serve(options: Options) -> None:
    """Serves until SIGINT or SIGTERM. Says where it listens in the announce file once both servers accept."""
    storage = Storage(options.state)
    if not storage.is_seeded:
        seed(storage, clock.now())
    api_key, password, faults = storage.secret("api_key"), storage.secret("smtp_password"), Faults()
    listener = socket.create_server((options.host, options.port), backlog=128)
    mail_server = await mail.listen(storage, faults, password, options.host, options.smtp_port)
    http_port, smtp_port = listener.getsockname()[1], mail_server.sockets[0].getsockname()[1]
    app = application(storage, faults, api_key)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=2, ws="none"
    )

    def announce() -> None:
        url = f"http://{options.host}:{http_port}"
        print(f"Demo workspace: {url} (CRM), smtp://{options.host}:{smtp_port} (mail)", flush=True)
        if options.announce is not None:
            told = {
                "http": url,
                "smtp": {"host": options.host, "port": smtp_port},
                "api_key": api_key,
                "smtp_user": mail.USER,
                "smtp_password": password,
            }
            _write_private(options.announce, json.dumps(told, indent=2))

    try:
        await _Server(config, announce).serve(sockets=[listener])
    finally:
        mail_server.close()
        storage.close()


def _write_private(path: Path, text: str) -> None:
    """Writes whole or not at all, readable by the owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)
