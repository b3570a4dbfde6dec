"""Users' wrapped keys."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import NotFound
from coco.keys import MasterKey, UserKeys, new_user_key
from store.tables import UserKey

PAYLOAD = "payload"
KEYSTORE = "keystore"


async def make(session: AsyncSession, user_id: UUID, master: MasterKey) -> None:
    """A new user's first keys."""
    for purpose in (PAYLOAD, KEYSTORE):
        session.add(UserKey(user_id=user_id, purpose=purpose, version=1, wrapped=master.wrap(new_user_key())))
    await session.flush()


async def load(session: AsyncSession, user_id: UUID, purpose: str, master: MasterKey) -> UserKeys:
    """A user's keys of one purpose. Raises NotFound where there are none (no such user, or erased)."""
    rows = (
        await session.execute(select(UserKey).where(col(UserKey.user_id) == user_id, col(UserKey.purpose) == purpose))
    ).scalars()
    keys = {row.version: master.unwrap(row.wrapped) for row in rows}
    if not keys:
        raise NotFound("this user has no keys")
    return UserKeys(keys)
