"""Taking a connection's rights away, and giving them back: who hears of it, what is removed, what goes on.

A revocation has three steps. The state is committed, so that nothing new begins. Then the lock is waited for which the
gateway holds while something leaves, so that what had begun has left. Then what was read through the connection is
removed. A crash in between leaves the rest owed (`purge_owed_at`), and the control worker sees it through.
"""

from __future__ import annotations

import hashlib
from uuid import UUID

from sqlalchemy import exists, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import ERASED, AuditKind, entry_hash
from coco.connections import ConnectionState
from store import audit, events, locks, wakeups
from store.owned import own
from store.runs import FINAL_RUN_STATES
from store.tables import ActionRow, AuditRow, Connection, EffectRow, Run, Workflow, utc_now

LEAVING_LOCK = "hashtextextended('leaving:' || %s, 0)"
"""The key of the advisory lock on what leaves by a connection; its parameter is the connection's id."""

REFUSED = "The provider does not accept its key any more. Connect it again."


def erased_key(key: str) -> str:
    """What is left of the key of a rejected proposal: enough to know it again, not to read it."""
    return "erased:" + hashlib.sha256(key.encode()).hexdigest()


async def has_left(session: AsyncSession, connection_id: UUID, seconds: float) -> None:
    """Returns once nothing that began before leaves by the connection any more. Commit the new state first.

    Raises what SQLAlchemy makes of a lock that cannot be had in time.
    """
    await session.execute(text(f"SET LOCAL lock_timeout = {max(1, int(seconds * 1000))}"))
    await locks.until_commit(session, f"leaving:{connection_id}")
    await session.execute(text("SET LOCAL lock_timeout = 0"))


async def purge(session: AsyncSession, user_id: UUID, connection_id: UUID, *, actor: str = "system") -> int:
    """Removes what was read through a revoked connection, save what the user approved; how many entries of the audit
    chain were blanked with it. Repeating it removes what has come since, and changes nothing where nothing has.

    Raises NotFound; Postgres refuses it for a connection that is not revoked.
    """
    row = await own(session, Connection, connection_id, user_id, "connection")
    first = row.purged_at is None or row.broken_at is None or row.purged_at < row.broken_at
    found = await session.execute(text("SELECT coco_purge(:id)"), {"id": connection_id})
    blanked = sorted(int(seq) for seq in found.scalars())
    if not blanked and not first:
        return 0
    told: dict[str, str] = {}
    for start in range(0, len(blanked), 1000):
        entries = await session.execute(
            select(AuditRow)
            .where(col(AuditRow.user_id) == user_id, col(AuditRow.seq).in_(blanked[start : start + 1000]))
            .execution_options(populate_existing=True)
        )
        told |= {str(entry.seq): entry_hash(audit.to_entry(entry)) for entry in entries.scalars()}
    await audit.append(
        session,
        user_id,
        AuditKind.CONNECTION_PURGED,
        actor=actor,
        body={"connection": str(connection_id), "title": row.title, ERASED: told},
    )
    await _look_again(session, user_id, connection_id, {"state": "purged"})
    return len(blanked)


async def dependents(session: AsyncSession, user_id: UUID, connection_id: UUID) -> list[UUID]:
    """Runs that have not ended and that may need the connection: by their workflow, or by an action of theirs."""
    acts = exists().where(
        col(ActionRow.run_id) == col(Run.id),
        col(ActionRow.connection_id) == connection_id,
        col(ActionRow.state).in_([ActionState.PENDING.value, ActionState.APPROVED.value]),
    )
    found = await session.execute(
        select(col(Run.id))
        .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
        .where(col(Run.user_id) == user_id, col(Run.state).not_in(FINAL_RUN_STATES))
        .where(or_(col(Workflow.connections).contains([str(connection_id)]), acts))
        .order_by(col(Run.created_at), col(Run.id))
    )
    return list(found.scalars())


async def wake_dependents(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """Has every run that depends on the connection look again."""
    await _look_again(session, user_id, connection_id, {"connection": str(connection_id)})


async def _look_again(session: AsyncSession, user_id: UUID, connection_id: UUID, told: dict[str, str]) -> None:
    for run_id in await dependents(session, user_id, connection_id):
        await events.tell(session, user_id, "run", run_id=run_id, body=told)
        await wakeups.owe(session, user_id, run_id)


async def credential_refused(session: AsyncSession, user_id: UUID, connection_id: UUID, *, status: int | None) -> bool:
    """The provider turned down the credential that is the connection's own: it needs to be connected again.

    The gateway's finding, for its role alone; the caller has the connection's row locked and has made sure that the
    credential is still the one in use. False where it was known, or the connection is revoked.
    """
    row = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    if row.state not in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}:
        return False
    change = {"from": row.state, "to": ConnectionState.NEEDS_RECONNECTION.value}
    await session.execute(
        update(Connection)
        .where(col(Connection.id) == connection_id)
        .values(state=ConnectionState.NEEDS_RECONNECTION.value, reason=REFUSED, broken_at=utc_now())
    )
    await audit.append(
        session,
        user_id,
        AuditKind.CONNECTION_CHANGED,
        actor="system",
        body={"connection": str(connection_id), "title": row.title, "state": change, "why": REFUSED, "status": status},
    )
    await events.tell(session, user_id, "connection", body={"id": str(connection_id), "state": change["to"]})
    await wake_dependents(session, user_id, connection_id)
    return True


async def owed(session: AsyncSession) -> dict[UUID, list[UUID]]:
    """Connections whose data is not certainly gone yet, by user. Needs the control role, and no user."""
    rows = await session.execute(text("SELECT user_id, connection_id FROM coco_purges_owed()"))
    found: dict[UUID, list[UUID]] = {}
    for user_id, connection_id in rows:
        found.setdefault(user_id, []).append(connection_id)
    return found


async def owed_by(session: AsyncSession, user_id: UUID) -> list[UUID]:
    """One user's."""
    query = select(col(Connection.id)).where(
        col(Connection.user_id) == user_id, col(Connection.purge_owed_at).is_not(None)
    )
    return list((await session.execute(query)).scalars())


async def purge_if_revoked(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """As `purge`; nothing where the connection has been connected again meanwhile, which purged it first."""
    row = await own(session, Connection, connection_id, user_id, "connection", lock=True)
    if row.state == ConnectionState.REVOKED:
        await purge(session, user_id, connection_id)


async def see_through(session: AsyncSession, user_id: UUID, connection_id: UUID) -> bool:
    """Notes that all is gone: what Postgres had, and, by the caller, what the sandbox had. False where it stays
    owed: an action's sending is not recorded yet, and its answer is needed until it is. Needs the control role.
    """
    row = await own(session, Connection, connection_id, user_id, "connection")
    unrecorded = await session.execute(
        select(col(ActionRow.id))
        .join(EffectRow, col(EffectRow.action_id) == col(ActionRow.id))
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state) == ActionState.APPROVED.value)
        .where(col(ActionRow.connection_id) == connection_id, col(EffectRow.state) != "turned_away")
        .limit(1)
    )
    if row.state == ConnectionState.REVOKED and unrecorded.first() is not None:
        return False
    await session.execute(update(Connection).where(col(Connection.id) == connection_id).values(purge_owed_at=None))
    await events.tell(session, user_id, "connection", body={"id": str(connection_id), "purged": True})
    return True
