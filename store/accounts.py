"""Accounts and sign-in sessions.

A session row is the sign-in: access tokens name it, and end with it. Its refresh token is kept as SHA-256 only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Conflict, NotFound
from coco.keys import MasterKey
from store import audit, credits, events, keys
from store.database import Database
from store.tables import SandboxRow, Session, User, utc_now


@dataclass(frozen=True)
class Credentials:
    """What sign-in compares with."""

    user_id: UUID
    password_hash: str
    is_operator: bool


async def sign_up(database: Database, master: MasterKey, *, email: str, name: str, password_hash: str) -> UUID:
    """A new account with its keys, its free credits and a sandbox that is wanted; the user's id.

    Raises Conflict where the address has an account already.
    """
    user_id = uuid4()
    try:
        async with database.user(user_id) as session:
            session.add(User(id=user_id, email=email.lower(), name=name, password_hash=password_hash))
            await session.flush()
            await keys.make(session, user_id, master)
            await credits.open_account(session, user_id)
            # The other columns of a sandbox are not the API's to write, not even as NULL.
            await session.execute(
                insert(SandboxRow).values(user_id=user_id, state="wanted", generation=0, last_active_at=utc_now())
            )
            await audit.append(
                session, user_id, AuditKind.SIGN_UP, actor=f"user:{user_id}", body={"email": email.lower()}
            )
    except IntegrityError as error:
        raise Conflict("No account was made: this address has one already. Sign in instead.") from error
    return user_id


async def credentials(database: Database, email: str) -> Credentials | None:
    """What to compare a password with, or None for an unknown address."""
    async with database.system() as session:
        found = await session.execute(
            text("SELECT id, password_hash, is_operator FROM coco_sign_in(:email)"), {"email": email.lower()}
        )
        row = found.first()
    return None if row is None else Credentials(row.id, row.password_hash, bool(row.is_operator))


async def set_password_hash(session: AsyncSession, user_id: UUID, password_hash: str) -> None:
    """Replaces a hash, for one made with older parameters."""
    await session.execute(update(User).where(col(User.id) == user_id).values(password_hash=password_hash))


async def note_failed_sign_in(session: AsyncSession, user_id: UUID, address: str) -> None:
    """Puts a wrong password on the account's audit chain, with where it came from."""
    await audit.append(session, user_id, AuditKind.SIGN_IN_FAILED, actor="system", body={"address": address})


async def open_session(
    session: AsyncSession, user_id: UUID, session_id: UUID, refresh_sha256: str, expires_at: datetime, address: str
) -> None:
    """A new sign-in."""
    session.add(Session(id=session_id, user_id=user_id, refresh_sha256=refresh_sha256, expires_at=expires_at))
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.SIGN_IN,
        actor=f"user:{user_id}",
        body={"session": str(session_id), "address": address},
    )


async def rotate(
    session: AsyncSession, user_id: UUID, session_id: UUID, shown_sha256: str, next_sha256: str, expires_at: datetime
) -> bool:
    """Replaces a live session's refresh token by the next one; False when the session cannot be refreshed.

    A token that was this session's and is not its current one was used twice: somebody has a copy. The session ends,
    for the thief and for the owner, who signs in again.
    """
    row = (
        await session.execute(
            select(Session).where(col(Session.id) == session_id, col(Session.user_id) == user_id).with_for_update()
        )
    ).scalar_one_or_none()
    if row is None or row.revoked_at is not None or row.expires_at <= utc_now():
        return False
    if row.refresh_sha256 != shown_sha256:
        await end_session(session, user_id, session_id, why="a refresh token was used twice")
        return False
    await session.execute(
        update(Session)
        .where(col(Session.id) == session_id)
        .values(refresh_sha256=next_sha256, previous_sha256=shown_sha256, expires_at=expires_at)
    )
    return True


async def end_session(session: AsyncSession, user_id: UUID, session_id: UUID, *, why: str = "signed out") -> bool:
    """Ends a sign-in and tells every feed opened with it; False when it had ended before."""
    ended = await session.execute(
        update(Session)
        .where(col(Session.id) == session_id, col(Session.user_id) == user_id, col(Session.revoked_at).is_(None))
        .values(revoked_at=utc_now())
        .returning(col(Session.id))
    )
    if ended.first() is None:
        return False
    await audit.append(
        session,
        user_id,
        AuditKind.SIGN_OUT,
        actor=f"user:{user_id}",
        body={"session": str(session_id), "why": why},
    )
    await events.tell(session, user_id, "session", body={"session": str(session_id), "state": "ended"})
    return True


async def is_live(session: AsyncSession, user_id: UUID, session_id: UUID) -> bool:
    """Whether a sign-in holds now: this user's, neither ended nor expired."""
    found = await session.execute(
        select(col(Session.id))
        .where(col(Session.id) == session_id, col(Session.user_id) == user_id)
        .where(col(Session.revoked_at).is_(None), col(Session.expires_at) > utc_now())
    )
    return found.first() is not None


async def profile(session: AsyncSession, user_id: UUID) -> User:
    """The account itself. Raises NotFound."""
    user = await session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such account.")
    return user


async def id_of(owner: Database, email: str) -> UUID | None:
    """The account of an address, or None, over the owner's connection: no process of Coco's may look among all."""
    async with owner.system() as session:
        found = await session.execute(select(col(User.id)).where(col(User.email) == email.strip().lower()))
        user_id: UUID | None = found.scalar_one_or_none()
    return user_id


def make_operator(owner: psycopg.Connection, email: str) -> UUID:
    """Lets an account read the operators' pages, over the owner's connection: no process of Coco's may do this.

    Commits. Returns the user's id; raises NotFound for an address without account.
    """
    row = owner.execute(
        "UPDATE users SET is_operator = true WHERE email = lower(%s) RETURNING id", (email.strip(),)
    ).fetchone()
    if row is None:
        raise NotFound(f"There is no account for {email}; sign up first.")
    owner.commit()
    return UUID(str(row[0]))
