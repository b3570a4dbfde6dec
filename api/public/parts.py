"""What the public app's handlers work with; one per process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from api.origins import Origins
from api.passwords import Passwords
from api.public.events import Hub
from api.public.waker import Waker
from api.throttle import Throttle
from api.tokens import Tokens
from coco.keys import MasterKey
from coco.settings import Settings
from store.database import Database
from store.directory import Directory


@dataclass
class Parts:
    """Shared by all requests. `hub` and `waker` hold connections of their own and are closed with the app."""

    settings: Settings
    database: Database
    master: MasterKey
    origins: Origins
    tokens: Tokens
    passwords: Passwords
    throttle: Throttle
    hub: Hub
    waker: Waker
    directory: Directory | None = None
    """Which region an address has its account in; None where there are no regions."""
    sealing_wait_seconds: float = 30.0
    """How long adding a credential waits for the user's first sandbox to publish its key."""
    check_wait_seconds: float = 10.0
    """How long adding a credential waits for its check at the provider; after that the answer says `checking`."""

    def writing(self, user_id: UUID) -> AbstractAsyncContextManager[AsyncSession]:
        """One transaction of this user; commits at the end of the block."""
        return self.database.user(user_id)

    @asynccontextmanager
    async def reading(self, user_id: UUID) -> AsyncIterator[AsyncSession]:
        """One transaction of this user in which Postgres refuses every change: what a GET works with."""
        async with self.database.user(user_id) as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            yield session

    def team(self, user_id: UUID, team_id: UUID) -> AbstractAsyncContextManager[AsyncSession]:
        """As `reading`, and the session also sees what is shared with a team, while this user is in it."""
        return self.database.team(user_id, team_id)

    @asynccontextmanager
    async def snapshot(self, user_id: UUID) -> AsyncIterator[AsyncSession]:
        """As `reading`, and every query of the block sees the database as the first one did."""
        async with self.database.user(user_id, repeatable=True) as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            yield session


def parts_of(connection: HTTPConnection) -> Parts:
    found = connection.app.state.parts
    assert isinstance(found, Parts)
    return found


PartsDep = Annotated[Parts, Depends(parts_of)]
