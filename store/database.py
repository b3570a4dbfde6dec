"""Connections to Postgres: one engine per process and role, one transaction per unit of work.

`Database.user(user_id)` is the ordinary way in: row-level security then shows that user's rows and no others.
`Database.system()` sets no user: only tables and functions meant for it answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine


def sqlalchemy_url(dsn: str) -> str:
    """A `postgresql://` or `postgres://` address as SQLAlchemy wants it for psycopg 3."""
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if dsn.startswith(prefix):
            return "postgresql+psycopg://" + dsn.removeprefix(prefix)
    raise ValueError("DATABASE_URL must start with postgresql://")


def rendered(url: URL) -> str:
    """An address as libpq reads it too: SQLAlchemy leaves spaces in passwords, and writes those of a query as `+`."""
    text, mark, query = url.render_as_string(hide_password=False).partition("?")
    return text.replace(" ", "%20") + mark + query.replace("+", "%20")


def plain_dsn(dsn: str) -> str:
    """An address as psycopg itself takes it."""
    return "postgresql://" + sqlalchemy_url(dsn).removeprefix("postgresql+psycopg://")


class Database:
    """A pool of connections as one role. Lives as long as its process; `close()` gives the connections back."""

    def __init__(self, dsn: str, *, pool_size: int = 5, max_overflow: int = 10) -> None:
        self.dsn = dsn
        self.engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(dsn), pool_size=pool_size, max_overflow=max_overflow, pool_pre_ping=True
        )

    @asynccontextmanager
    async def user(self, user_id: UUID, *, repeatable: bool = False) -> AsyncIterator[AsyncSession]:
        """One transaction that sees only this user's rows; commits at the end, rolls back on an exception.

        With `repeatable`, every query sees the database as the first one did.
        """
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            if repeatable:
                await session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            await session.execute(text("SELECT set_config('coco.user_id', :u, true)"), {"u": str(user_id)})
            yield session

    @asynccontextmanager
    async def team(self, user_id: UUID, team_id: UUID) -> AsyncIterator[AsyncSession]:
        """One transaction that changes nothing and also sees what is shared with a team: see
        store.migrations.privileges_teams.

        Nothing more than `user` where the person is not in that team; each statement asks anew whether they are.
        """
        async with self.user(user_id) as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.execute(text("SELECT set_config('coco.team_id', :t, true)"), {"t": str(team_id)})
            yield session

    @asynccontextmanager
    async def system(self) -> AsyncIterator[AsyncSession]:
        """One transaction for no user in particular."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    async def close(self) -> None:
        await self.engine.dispose()
