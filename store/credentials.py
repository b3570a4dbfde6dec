"""Credentials that were given: tried out by the gateway, kept where the provider accepts them, else gone."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.connections import ConnectionState
from coco.errors import CocoError, Code, NotFound
from coco.requests import Frozen
from store import audit, events, locks, revoking
from store.owned import own
from store.tables import AuditRow, Connection, CredentialAttempt, SealedCredential, utc_now

Outcome = Literal["works", "unchecked", "refused", "scopes_missing", "unreachable", "expired"]
ACCEPTED: frozenset[Outcome] = frozenset({"works", "unchecked"})
MAX_AGE = timedelta(minutes=30)
"""How long a credential may wait for its check. Authorization codes live ten minutes at most (RFC 6749, 4.1.2)."""
YOUNG = timedelta(seconds=30)
"""Tokens this young were turned down for another reason than their age."""


@dataclass(frozen=True)
class Kept:
    """What is kept of a credential: sealed to the sandbox, and what tells it from others. Nothing, for a team's."""

    sealed: bytes | None = None
    fingerprint: bytes | None = None
    refresh_fingerprint: bytes | None = None
    expires_at: datetime | None = None


class Attempt(Frozen):
    """An attempt as its owner may see it."""

    id: UUID
    connection_id: UUID
    kind: str
    scopes: list[str]
    read_only: bool
    state: str
    reason: str
    created_at: datetime
    finished_at: datetime | None


_SEEN = tuple(getattr(CredentialAttempt, name) for name in Attempt.model_fields)


# -- the API's side: giving ----------------------------------------------------------------------------------------


async def give(
    session: AsyncSession,
    user_id: UUID,
    connection_id: UUID,
    *,
    kind: Literal["key", "code", "team"],
    sealed: bytes | None,
    fingerprint: bytes | None,
    scopes: list[str],
    read_only: bool,
) -> UUID:
    """A credential to be tried out, in the place of any that still waits. Its id."""
    await withdraw(session, user_id, connection_id)
    return await open_attempt(
        session,
        CredentialAttempt(
            user_id=user_id,
            connection_id=connection_id,
            kind=kind,
            sealed=sealed,
            fingerprint=fingerprint,
            scopes=scopes,
            read_only=read_only,
        ),
    )


async def open_attempt(session: AsyncSession, row: CredentialAttempt) -> UUID:
    """One more attempt for the gateway to make; its id."""
    await session.execute(insert(CredentialAttempt).values(row.model_dump()))
    return row.id


async def withdraw(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """Whatever waits for this connection waits no more, and is gone."""
    await session.execute(
        delete(CredentialAttempt).where(
            col(CredentialAttempt.user_id) == user_id,
            col(CredentialAttempt.connection_id) == connection_id,
            col(CredentialAttempt.state) == "pending",
        )
    )


async def forget(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """What the connection has is gone."""
    await session.execute(
        delete(SealedCredential).where(
            col(SealedCredential.connection_id) == connection_id, col(SealedCredential.user_id) == user_id
        )
    )


async def latest(session: AsyncSession, user_id: UUID, connection_id: UUID | None = None) -> dict[UUID, Attempt]:
    """By connection: the newest attempt with a credential that was given."""
    return await newest(session, user_id, connection_id, tests=False)


async def newest(
    session: AsyncSession, user_id: UUID, connection_id: UUID | None, *, tests: bool
) -> dict[UUID, Attempt]:
    """By connection: its newest attempt, of the tests of what is in use (store.connection_tests) or of the others."""
    query = select(*_SEEN).where(col(CredentialAttempt.user_id) == user_id)
    is_test = col(CredentialAttempt.kind) == "test"
    query = query.where(is_test if tests else ~is_test)
    if connection_id is not None:
        query = query.where(col(CredentialAttempt.connection_id) == connection_id)
    rows = await session.execute(query.order_by(col(CredentialAttempt.created_at), col(CredentialAttempt.id)))
    return {row.connection_id: Attempt.model_validate(dict(row._mapping)) for row in rows}


async def was_read_only(session: AsyncSession, user_id: UUID, connection_id: UUID) -> bool:
    """Whether a connection that carries nothing now only read when it last did; of one that never carried anything,
    whether its newest credential was given to be read with only.

    From the record of its states: a person may have made it read-only since its credential was given.
    """
    told = col(AuditRow.body)
    was, became = told["state"]["from"].as_string(), told["state"]["to"].as_string()
    usable = [ConnectionState.ACTIVE.value, ConnectionState.READ_ONLY.value]
    last = await session.execute(
        select(case((became.in_(usable), became), else_=was))
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.kind) == AuditKind.CONNECTION_CHANGED.value)
        .where(told["connection"].as_string() == str(connection_id))
        .where(became.in_(usable) | was.in_(usable))
        .order_by(col(AuditRow.seq).desc())
        .limit(1)
    )
    state = last.scalar_one_or_none()
    if state is not None:
        return bool(state == ConnectionState.READ_ONLY.value)
    rows = await session.execute(
        select(col(CredentialAttempt.read_only))
        .where(col(CredentialAttempt.user_id) == user_id, col(CredentialAttempt.connection_id) == connection_id)
        .order_by(col(CredentialAttempt.created_at).desc(), col(CredentialAttempt.id).desc())
        .limit(1)
    )
    return bool(rows.scalar_one_or_none())


# -- the gateway's side: trying out and keeping --------------------------------------------------------------------


def credential_lock(dsn: str, connection_id: UUID, seconds: float) -> AbstractAsyncContextManager[None]:
    """Held while a connection's credential is checked, exchanged or refreshed, across every gateway.

    Raises CocoError (UNAVAILABLE) where somebody else holds it for longer than `seconds`.
    """
    return locks.held(dsn, f"credential:{connection_id}", seconds, busy="the credential is being looked after")


async def pending(session: AsyncSession, user_id: UUID) -> list[CredentialAttempt]:
    """What waits to be tried out."""
    rows = await session.execute(
        select(CredentialAttempt)
        .where(col(CredentialAttempt.user_id) == user_id, col(CredentialAttempt.state) == "pending")
        .order_by(col(CredentialAttempt.created_at), col(CredentialAttempt.id))
    )
    return list(rows.scalars())


async def to_check(session: AsyncSession, user_id: UUID, attempt_id: UUID) -> tuple[CredentialAttempt, Connection]:
    """A waiting attempt and its connection. Raises NotFound where it ended, was withdrawn, or is another user's."""
    attempt = await own(session, CredentialAttempt, attempt_id, user_id, "credential to check")
    if attempt.state != "pending":
        raise NotFound("There is no such credential to check.")
    return attempt, await own(session, Connection, attempt.connection_id, user_id, "connection")


async def end(session: AsyncSession, user_id: UUID, attempt_id: UUID, outcome: Outcome, reason: str) -> None:
    """The provider did not accept it (or nobody could be asked): it is gone, and its owner learns why."""
    attempt, connection = await _held(session, user_id, attempt_id)
    await _finish(session, attempt, outcome, reason, utc_now())
    if connection.state == ConnectionState.CHECKING:
        await _change(session, connection, state=ConnectionState.NEEDS_RECONNECTION, reason=reason)
    await events.tell(session, user_id, "connection", body={"id": str(connection.id), "check": outcome})


async def keep(
    session: AsyncSession,
    user_id: UUID,
    attempt_id: UUID,
    outcome: Outcome,
    kept: Kept,
    *,
    scopes: list[str],
) -> None:
    """The provider accepted it: from now on it is the connection's, and the one before is gone.

    A revoked connection goes on under its own id, by a credential that was given since. Raises NotFound where the
    attempt was withdrawn or the connection revoked meanwhile, CocoError (UNAVAILABLE) while what was read through it
    is still being removed.
    """
    attempt, connection = await _held(session, user_id, attempt_id)
    if connection.state == ConnectionState.REVOKED:
        if connection.broken_at is None or attempt.created_at < connection.broken_at:
            raise NotFound("There is no such credential to check.")
        if connection.purge_owed_at is not None:
            raise CocoError("what was read through the connection is being removed", code=Code.UNAVAILABLE)
    now = utc_now()
    await _finish(session, attempt, outcome, "", now)
    await _replace(session, connection, kept, now)
    was = state = connection.state
    if state not in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
        # Looked at again: its owner may have made it read-only after they gave the credential.
        only_reads = attempt.read_only or await was_read_only(session, user_id, connection.id)
        state = ConnectionState.READ_ONLY if only_reads else ConnectionState.ACTIVE
    method = {"key": "key", "code": "oauth", "team": "team"}[attempt.kind]
    before = list(connection.scopes)
    await _change(
        session,
        connection,
        state=state,
        reason="",
        scopes=scopes,
        method=method,
        team=connection.team if method == "team" else None,
        credential_set_at=now,
        credential_expires_at=kept.expires_at,
        reminded_at=None,
        broken_at=None,
    )
    await audit.append(
        session,
        user_id,
        AuditKind.CREDENTIAL_SET,
        actor=f"user:{user_id}",
        body={
            "connection": str(connection.id),
            "title": connection.title,
            "method": method,
            "check": outcome,
            "scopes": {"from": before, "to": scopes},
        },
    )
    await events.tell(session, user_id, "connection", body={"id": str(connection.id), "check": outcome, "state": state})
    if state != was:
        await revoking.wake_dependents(session, user_id, connection.id)


async def kept(session: AsyncSession, user_id: UUID, connection_id: UUID) -> SealedCredential | None:
    """What a connection has, sealed; None where it has nothing, or a team's."""
    rows = await session.execute(
        select(SealedCredential)
        .where(col(SealedCredential.user_id) == user_id, col(SealedCredential.connection_id) == connection_id)
        .order_by(col(SealedCredential.created_at).desc(), col(SealedCredential.id).desc())
        .limit(1)
    )
    return rows.scalar_one_or_none()


async def renewable(session: AsyncSession, user_id: UUID, connection_id: UUID) -> bool:
    """Whether a credential that was turned down may be one whose time is over: it can be refreshed, and was not just
    now."""
    found = await kept(session, user_id, connection_id)
    return found is not None and found.refresh_fingerprint is not None and found.created_at < utc_now() - YOUNG


async def refreshed(
    session: AsyncSession,
    user_id: UUID,
    connection_id: UUID,
    fresh: Kept,
    *,
    scopes: list[str] | None = None,
    reason: str = "",
) -> None:
    """New tokens in the place of the ones before; with `scopes`, where they allow less than those did, what they allow
    and why. Raises NotFound where the connection may not be used any more."""
    connection = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    if connection.state not in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
        raise NotFound("There is no such connection to refresh.")
    await _replace(session, connection, fresh, utc_now())
    await _change(session, connection, credential_expires_at=fresh.expires_at)
    before = list(connection.scopes)
    if scopes is None or scopes == before:
        return
    await _change(session, connection, scopes=scopes, reason=reason)
    await audit.append(
        session,
        user_id,
        AuditKind.CREDENTIAL_SET,
        actor="system",
        body={
            "connection": str(connection.id),
            "title": connection.title,
            "method": connection.method,
            "check": "renewed",
            "scopes": {"from": before, "to": scopes},
        },
    )
    await events.tell(session, user_id, "connection", body={"id": str(connection.id), "scopes": scopes})
    await revoking.wake_dependents(session, user_id, connection.id)


async def needs_reconnection(session: AsyncSession, user_id: UUID, connection_id: UUID, reason: str) -> None:
    """What it has works no more: it is gone, and the connection waits for its owner. Again changes nothing."""
    connection = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    if connection.state not in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
        return
    await forget(session, connection.user_id, connection.id)
    state = ConnectionState.NEEDS_RECONNECTION
    await _change(session, connection, state=state, reason=reason, broken_at=utc_now())
    await events.tell(session, user_id, "connection", body={"id": str(connection.id), "state": state.value})
    await revoking.wake_dependents(session, user_id, connection.id)


async def expire(session: AsyncSession, user_id: UUID) -> None:
    """Ends what has waited for too long."""
    for attempt in await pending(session, user_id):
        if attempt.created_at < utc_now() - MAX_AGE:
            reason = "It could not be checked in time: your sandbox did not start. Enter it again."
            await end(session, user_id, attempt.id, "expired", reason)


async def _held(session: AsyncSession, user_id: UUID, attempt_id: UUID) -> tuple[CredentialAttempt, Connection]:
    # The connection first, as everybody who changes both does.
    attempt, connection = await to_check(session, user_id, attempt_id)
    connection = await own(session, Connection, connection.id, user_id, "connection", lock=True)
    attempt = await own(session, CredentialAttempt, attempt_id, user_id, "credential to check", lock=True)
    if attempt.state != "pending":
        raise NotFound("There is no such credential to check.")
    return attempt, connection


async def _finish(
    session: AsyncSession, attempt: CredentialAttempt, outcome: Outcome, reason: str, now: datetime
) -> None:
    await session.execute(
        update(CredentialAttempt)
        .where(col(CredentialAttempt.id) == attempt.id)
        .values(state=outcome, reason=reason, sealed=None, fingerprint=None, finished_at=now)
    )


async def _replace(session: AsyncSession, connection: Connection, kept: Kept, now: datetime) -> None:
    await forget(session, connection.user_id, connection.id)
    if kept.sealed is not None:
        await session.execute(
            insert(SealedCredential).values(
                user_id=connection.user_id,
                connection_id=connection.id,
                sealed=kept.sealed,
                fingerprint=kept.fingerprint,
                refresh_fingerprint=kept.refresh_fingerprint,
                created_at=now,
            )
        )


async def _change(session: AsyncSession, connection: Connection, **values: Any) -> None:
    before = connection.state  # the update below changes the row at hand as well
    await session.execute(update(Connection).where(col(Connection.id) == connection.id).values(**values))
    if "state" in values and values["state"] != before:
        await audit.append(
            session,
            connection.user_id,
            AuditKind.CONNECTION_CHANGED,
            actor="system",
            body={
                "connection": str(connection.id),
                "title": connection.title,
                "state": {"from": before, "to": str(values["state"])},
                "reason": values.get("reason", ""),
            },
        )
