"""The public app on a real port, in a thread of its own, for WebSockets and browsers."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from argon2 import PasswordHasher

from api.passwords import Passwords
from api.public.app import create_app, make_parts
from api.public.parts import Parts
from api.serving import server
from api.shell import Shell
from coco.settings import Settings
from store.database import Database
from store.roles import Role
from tests.conftest import Postgres

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
"""Parameters for tests alone: what is tested is that passwords are checked, not how long that takes."""


@dataclass
class Served:
    """A running app."""

    url: str
    parts: Parts
    loop: asyncio.AbstractEventLoop


@contextmanager
def serve(postgres: Postgres, **changed: object) -> Iterator[Served]:
    """The app on a free port, until the block ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings(public_port=port, temporal_ui_url="http://127.0.0.1:8233", **changed)
    ready = threading.Event()
    told: dict[str, object] = {}

    async def run() -> None:
        database = Database(postgres.dsn(Role.API))
        parts = make_parts(settings, database, postgres.master, Passwords(QUICK))
        parts.sealing_wait_seconds = 2.0
        running: uvicorn.Server = server(Shell(create_app(parts), parts.origins), "127.0.0.1", port)
        told.update(parts=parts, server=running, loop=asyncio.get_running_loop())
        serving = asyncio.create_task(running.serve([listener]))
        while not running.started:
            await asyncio.sleep(0.01)
        await asyncio.wait_for(parts.hub.listening.wait(), 30)
        ready.set()
        await serving
        await database.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(60), "the app did not start"
    running, parts, loop = told["server"], told["parts"], told["loop"]
    assert isinstance(running, uvicorn.Server)
    assert isinstance(parts, Parts)
    assert isinstance(loop, asyncio.AbstractEventLoop)
    try:
        yield Served(f"http://127.0.0.1:{port}", parts, loop)
    finally:
        running.should_exit = True
        thread.join(30)
