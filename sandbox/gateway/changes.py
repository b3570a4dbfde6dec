"""Tells a sandbox that there is something for it: a credential to try out, or a new key for its key store.

Postgres says whose (`NOTIFY coco_credentials`); one connection per gateway listens. Where it is lost, sandboxes still
look by themselves at the end of each watch.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from uuid import UUID

import psycopg

log = logging.getLogger(__name__)

CHANNEL = "coco_credentials"
WATCH_SECONDS = 20.0
"""Longest a watch is held."""
AGAIN_SECONDS = 2.0


class Changes:
    """One per gateway; `start` and `stop` it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._waiting: defaultdict[UUID, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for events in self._waiting.values():
            for event in events:
                event.set()

    async def wait(self, user_id: UUID, seconds: float = WATCH_SECONDS) -> None:
        """Until there is something for this user, or the time is over."""
        event = asyncio.Event()
        self._waiting[user_id].add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting[user_id].discard(event)
            if not self._waiting[user_id]:
                del self._waiting[user_id]

    async def _listen(self) -> None:
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    # Whatever came while nobody listened.
                    for user_id in list(self._waiting):
                        self._wake(user_id)
                    async for notice in connection.notifies():
                        with contextlib.suppress(ValueError):
                            self._wake(UUID(notice.payload))
            except (psycopg.Error, OSError) as error:
                log.warning("not listening for credentials: %s; trying again", type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)

    def _wake(self, user_id: UUID) -> None:
        for event in self._waiting.get(user_id, ()):
            event.set()
