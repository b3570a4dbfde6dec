"""Hears of new events from Postgres and tells the feeds of the user they belong to.

One connection per process listens; it carries ids only. Each feed then reads the rows itself, as its user.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

import psycopg

log = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class Bell:
    """One feed's share of what was heard."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()
        self._ids: set[int] = set()

    def ring(self, event_id: int | None) -> None:
        """With None: something may have been missed; look."""
        if event_id is not None:
            self._ids.add(event_id)
        self._rung.set()

    async def wait(self, seconds: float) -> set[int]:
        """The ids rung since the last call; empty after `seconds` of silence, or when some may have been missed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        self._rung.clear()
        ids, self._ids = self._ids, set()
        return ids


class Hub:
    """Started and stopped with the app."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._bells: dict[UUID, set[Bell]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def start(self) -> None:
        self._task = asyncio.create_task(self._listen_for_ever())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def count(self, user_id: UUID) -> int:
        """How many feeds this user has open here."""
        return len(self._bells.get(user_id, ()))

    @contextlib.contextmanager
    def bell(self, user_id: UUID) -> Iterator[Bell]:
        """A bell that rings for this user's events, for the length of the block."""
        bell = Bell()
        self._bells[user_id].add(bell)
        try:
            yield bell
        finally:
            self._bells[user_id].discard(bell)
            if not self._bells[user_id]:
                del self._bells[user_id]

    async def _listen_for_ever(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                log.warning("the feed's listening connection was lost (%s); connecting again", type(error).__name__)
            self.listening.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._dsn, autocommit=True) as connection:
            await connection.execute("LISTEN coco_events")
            self.listening.set()
            for bells in self._bells.values():
                for bell in bells:
                    bell.ring(None)
            async for notice in connection.notifies():
                user, _, event_id = notice.payload.partition(":")
                for bell in self._bells.get(UUID(user), ()):
                    bell.ring(int(event_id))
