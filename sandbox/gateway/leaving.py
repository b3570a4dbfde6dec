"""Between "may it?" and the last byte: a lock that whoever takes a connection's rights away waits for.

A revocation commits first, so that nothing new may begin; then it waits for this lock alone, so that what had begun has
left. It is a shared session lock of Postgres, on a connection that all of one gateway's requests share, and so holds
across gateways and ends with the process. (A connection to Postgres that breaks lets go of it early.)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import psycopg

from coco.errors import CocoError, Code
from store.database import plain_dsn
from store.revoking import LEAVING_LOCK


class Leaving:
    """One per gateway. Close it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = plain_dsn(dsn)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._one = asyncio.Lock()

    @contextlib.asynccontextmanager
    async def through(self, connection_id: UUID) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """While something leaves by a connection: look at its state inside. Call what is given as soon as all has left.

        Raises CocoError (UNAVAILABLE) while the connection's rights are being taken away, or without Postgres.
        """
        async with self._one:
            used = await self._connected()
            try:
                row = await (
                    await used.execute(f"SELECT pg_try_advisory_lock_shared({LEAVING_LOCK})", (str(connection_id),))
                ).fetchone()
            except psycopg.Error as error:
                raise CocoError("the database does not answer", code=Code.UNAVAILABLE) from error
        if row is None or not row[0]:
            raise CocoError("the connection is being changed", code=Code.UNAVAILABLE)
        held = True

        async def left() -> None:
            nonlocal held
            if held:
                held = False
                async with self._one:
                    with contextlib.suppress(psycopg.Error):  # a broken connection holds no lock
                        await used.execute(f"SELECT pg_advisory_unlock_shared({LEAVING_LOCK})", (str(connection_id),))

        try:
            yield left
        finally:
            await asyncio.shield(left())

    async def _connected(self) -> psycopg.AsyncConnection[Any]:
        if self._connection is None or self._connection.closed or self._connection.broken:
            try:
                self._connection = await psycopg.AsyncConnection.connect(self._dsn, autocommit=True, connect_timeout=10)
            except psycopg.Error as error:
                raise CocoError("the database does not answer", code=Code.UNAVAILABLE) from error
        return self._connection

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
