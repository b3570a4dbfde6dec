"""Connections: provider accounts, their state, and credentials sealed to the user's sandbox."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.connections import OLD_KEY, ConnectionState
from coco.errors import Conflict, InvalidInput
from coco.tiers import Feature, Limit
from store import audit, credentials, events, region, revoking, tiers
from store.owned import own
from store.tables import Connection, SandboxRow, utc_now

State = Literal["active", "read_only", "revoked"]
"""The states a person sets; `needs_reconnection` is the gateway's finding."""

_HOST = re.compile(r"^[A-Za-z0-9.-]{1,253}$|^\[[0-9a-fA-F:]{2,45}\]$")


def checked_base_url(base_url: str, protocol: Literal["http", "smtp", "imap"]) -> str:
    """A provider's address in the form the gateway uses it. Raises InvalidInput."""
    parts = urlsplit(base_url.strip())
    host = parts.netloc.rpartition(":")[0] if re.search(r":\d+$", parts.netloc) else parts.netloc
    wanted = {"http": ("http", "https"), "smtp": ("smtp", "smtps"), "imap": ("imap", "imaps")}[protocol]
    examples = {"smtp": "smtps://mail.example.com:465", "imap": "imaps://mail.example.com:993"}
    example = examples.get(protocol, "https://api.example.com")
    if parts.scheme not in wanted or not _HOST.match(host) or parts.query or parts.fragment or "@" in parts.netloc:
        raise InvalidInput(f"base_url: give the provider's address, such as {example}, without user, query or fragment")
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidInput("base_url: the port is not a number between 1 and 65535") from error
    if protocol != "http" and (port is None or parts.path not in {"", "/"}):
        raise InvalidInput(f"base_url: a mail server is named with its port and no path, such as {example}")
    if port == 0:
        raise InvalidInput("base_url: the port is not a number between 1 and 65535")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


async def listed(session: AsyncSession, user_id: UUID) -> list[Connection]:
    """A user's connections, oldest first."""
    query = select(Connection).where(col(Connection.user_id) == user_id)
    return list((await session.execute(query.order_by(col(Connection.created_at), col(Connection.id)))).scalars())


async def get(session: AsyncSession, user_id: UUID, connection_id: UUID, *, lock: bool = False) -> Connection:
    """One connection; with `lock`, held until the transaction ends. Raises NotFound."""
    return await own(session, Connection, connection_id, user_id, "connection", lock=lock)


async def add(
    session: AsyncSession,
    user_id: UUID,
    *,
    connector: str,
    title: str,
    base_url: str,
    settings: dict[str, Any],
    scopes: list[str],
    method: Literal["key", "oauth", "team"],
    team: str | None = None,
) -> Connection:
    """A new connection, which carries nothing before its credential is accepted (store.credentials).

    Arguments are validated by the caller. Raises Refused (TIER): without a connection nothing of anybody's comes in, so
    this is where a region that promises residency asks for the tier that has it.
    """
    if await region.is_resident(session):
        await tiers.check_feature(session, user_id, Feature.EU_RESIDENCY)
    await tiers.check_room(session, user_id, Limit.CONNECTIONS)
    row = Connection(
        user_id=user_id,
        connector=connector,
        title=title,
        base_url=base_url,
        settings=settings,
        scopes=scopes,
        method=method,
        team=team,
        state="checking",
    )
    session.add(row)
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.CONNECTION_ADDED,
        actor=f"user:{user_id}",
        body={
            "connection": str(row.id),
            "connector": connector,
            "title": title,
            "base_url": base_url,
            "scopes": scopes,
            "method": method,
            "state": row.state,
        },
    )
    await events.tell(session, user_id, "connection", body={"id": str(row.id), "state": row.state})
    return row


async def set_state(session: AsyncSession, user_id: UUID, connection_id: UUID, state: State) -> Connection:
    """Makes a connection active, read-only or revoked; the same state again changes nothing.

    Only moves that need no credential: one that is revoked, needs reconnection or is being checked becomes usable by
    a credential that its provider accepts. Revoking removes the sealed credential, and owes the removal of what was
    read. Whoever takes rights away goes on with store.revoking.has_left after the commit.
    Raises NotFound, Conflict.
    """
    row = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    if row.state == state:
        return row
    if state != "revoked" and row.state == "revoked":
        raise Conflict("Nothing was changed: this connection was revoked. Connect the account again.")
    if state != "revoked" and row.state not in {"active", "read_only"}:
        raise Conflict("Nothing was changed: this connection has no key that works. Connect the account again.")
    previous, now = row.state, utc_now()
    values: dict[str, Any] = {"state": state, "reason": ""}
    if state == "revoked":
        # What waits to be tried out was given before, and counts no more.
        await credentials.withdraw(session, user_id, connection_id)
        values |= {"broken_at": now, "purge_owed_at": now}
        await credentials.forget(session, user_id, connection_id)
    await session.execute(update(Connection).where(col(Connection.id) == connection_id).values(**values))
    await audit.append(
        session,
        user_id,
        AuditKind.CONNECTION_CHANGED,
        actor=f"user:{user_id}",
        body={"connection": str(connection_id), "title": row.title, "state": {"from": previous, "to": state}},
    )
    await events.tell(session, user_id, "connection", body={"id": str(connection_id), "state": state})
    await revoking.wake_dependents(session, user_id, connection_id)
    return await own(session, Connection, connection_id, user_id, "connection")


def is_old_key(row: Connection, now: datetime) -> bool:
    """Whether its key is due for another one. Tokens renew themselves, and a team's key is the operator's."""
    usable = row.method == "key" and row.state in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}
    return usable and row.credential_set_at is not None and row.credential_set_at <= now - OLD_KEY


async def sealing_key(session: AsyncSession, user_id: UUID) -> str | None:
    """The public key (hex) that credentials are sealed to; None while the sandbox has not started yet."""
    found = await session.execute(select(col(SandboxRow.public_key)).where(col(SandboxRow.user_id) == user_id))
    return found.scalar_one_or_none()


async def want_sandbox(session: AsyncSession, user_id: UUID) -> None:
    """Asks for the user's sandbox to be started."""
    await session.execute(
        update(SandboxRow)
        .where(col(SandboxRow.user_id) == user_id, col(SandboxRow.state) == "stopped")
        .values(state="wanted", last_active_at=utc_now())
    )
