"""Sign-ins at providers that are under way: each belongs to one session and is used once."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import Conflict
from store.tables import OAuthFlow, utc_now

MAX_OPEN = 20


async def begin(
    session: AsyncSession,
    user_id: UUID,
    *,
    session_id: UUID,
    state_sha256: str,
    verifier: bytes,
    redirect_uri: str,
    connection_id: UUID | None,
    expires_at: datetime,
    **what: Any,
) -> None:
    """Keeps a new one; what is over or was used is removed. Raises Conflict for too many at once."""
    mine = col(OAuthFlow.user_id) == user_id
    over = (col(OAuthFlow.expires_at) < utc_now()) | col(OAuthFlow.used_at).is_not(None)
    await session.execute(delete(OAuthFlow).where(mine, over))
    count = (await session.execute(select(func.count()).select_from(OAuthFlow).where(mine))).scalar_one()
    if count >= MAX_OPEN:
        raise Conflict("Many sign-ins are under way already. Finish one, or wait ten minutes.")
    session.add(
        OAuthFlow(
            user_id=user_id,
            session_id=session_id,
            state_sha256=state_sha256,
            verifier=verifier,
            redirect_uri=redirect_uri,
            connection_id=connection_id,
            expires_at=expires_at,
            **what,
        )
    )
    await session.flush()


async def use(session: AsyncSession, user_id: UUID, session_id: UUID, state_sha256: str) -> OAuthFlow | None:
    """Uses it up; None where this session began no such sign-in, it was used, or its time is over."""
    now = utc_now()
    used = await session.execute(
        update(OAuthFlow).where(*_open(user_id, session_id, state_sha256, now)).values(used_at=now).returning(OAuthFlow)
    )
    return used.scalar_one_or_none()


async def waiting(session: AsyncSession, user_id: UUID, session_id: UUID, state_sha256: str) -> OAuthFlow | None:
    """As `use`, and changes nothing: what a page shows before its visitor goes on."""
    found = await session.execute(select(OAuthFlow).where(*_open(user_id, session_id, state_sha256, utc_now())))
    return found.scalar_one_or_none()


def _open(user_id: UUID, session_id: UUID, state_sha256: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(OAuthFlow.user_id) == user_id,
        col(OAuthFlow.session_id) == session_id,
        col(OAuthFlow.state_sha256) == state_sha256,
        col(OAuthFlow.used_at).is_(None),
        col(OAuthFlow.expires_at) > now,
    )
