"""Users' wrapped keys."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, func, select
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


async def newest(session: AsyncSession, user_id: UUID, purpose: str) -> int:
    """The newest version; 0 where there is none."""
    found = await session.execute(
        select(func.max(col(UserKey.version))).where(col(UserKey.user_id) == user_id, col(UserKey.purpose) == purpose)
    )
    return int(found.scalar_one_or_none() or 0)


async def retire(session: AsyncSession, user_id: UUID, purpose: str, in_use: int) -> list[int]:
    """Removes the versions before `in_use`, which must be there; the ones that were removed.

    Raises NotFound where there is no version `in_use`: nothing could be opened any more.
    """
    where = (col(UserKey.user_id) == user_id, col(UserKey.purpose) == purpose)
    there = (await session.execute(select(col(UserKey.version)).where(*where))).scalars().all()
    if in_use not in there:
        raise NotFound("this user has no such key")
    older = sorted(version for version in there if version < in_use)
    if older:
        await session.execute(delete(UserKey).where(*where, col(UserKey.version).in_(older)))
    return older
