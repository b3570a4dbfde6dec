"""Advisory locks of Postgres, by name: for as long as a transaction lasts, or a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable, QueryCanceled
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from coco.errors import CocoError, Code
from store.database import plain_dsn


async def until_commit(session: AsyncSession, name: str) -> None:
    """Waits for the lock, and holds it until the session's transaction ends."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


@asynccontextmanager
async def held(dsn: str, name: str, seconds: float, *, busy: str) -> AsyncIterator[None]:
    """Holds the lock across transactions, and across every process that asks for it.

    A session lock on a connection of its own, so it ends with the process that holds it, however that ends. (It needs
    a direct connection: a pooler that shares sessions between transactions would break it.)
    Raises CocoError (UNAVAILABLE): with the text `busy` where somebody else holds it for longer than `seconds`.
    """
    connection: psycopg.AsyncConnection[Any] | None = None
    try:
        try:
            connection = await psycopg.AsyncConnection.connect(plain_dsn(dsn), autocommit=True, connect_timeout=10)
            # A host that vanishes says no goodbye: have Postgres notice within half a minute.
            for setting, value in (("idle", 15), ("interval", 5), ("count", 3)):
                await connection.execute(f"SET tcp_keepalives_{setting} = {value}")
            await connection.execute(f"SET lock_timeout = {max(1, int(seconds * 1000))}")
            await connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        except (LockNotAvailable, QueryCanceled) as error:
            raise CocoError(busy, code=Code.UNAVAILABLE) from error
        except psycopg.Error as error:
            raise CocoError("the database does not answer", code=Code.UNAVAILABLE) from error
        yield
    finally:
        if connection is not None:
            await connection.close()
