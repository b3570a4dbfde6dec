"""Delegation while away: who decides for whom in a team, on which shared workflows, from when until when.

The database says who may (store.migrations.delegating), ends a delegation with a membership of either side, and asks
again at each approval, decision and mint. Giving and ending one is an entry in the chains of both people.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.approvals import check_delegation
from coco.audit import AuditKind
from coco.errors import Code, Refused
from coco.teams import Permission
from store import teams
from store.owned import own
from store.tables import DelegationRow, utc_now


async def give(
    session: AsyncSession,
    user_id: UUID,
    team_id: UUID,
    to: UUID,
    start: datetime,
    end: datetime,
    workflow_ids: Sequence[UUID] | None = None,
) -> DelegationRow:
    """Lets `to` decide for the user in a team, on these of its shared workflows or, with None, on all of them.

    Gives no role: `to` needs one of their own. Raises InvalidInput for the times, NotFound for a team that the user is
    not in, Refused (FORBIDDEN) where one of the two may not decide.
    """
    check_delegation(user_id, to, start, end)
    await teams.require(session, team_id, user_id, Permission.SEE)
    row = DelegationRow(
        user_id=user_id,
        to_id=to,
        team_id=team_id,
        workflows=None if workflow_ids is None else sorted({str(item) for item in workflow_ids}),
        starts_at=start,
        ends_at=end,
    )
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError as error:
        told = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        raise Refused(f"Nothing was changed: {told}.", code=Code.FORBIDDEN) from error
    body = {"from": start.isoformat(), "until": end.isoformat(), "workflows": row.workflows}
    await _tell(session, user_id, AuditKind.DELEGATION_SET, row, body)
    return row


async def end(session: AsyncSession, user_id: UUID, delegation_id: UUID) -> None:
    """Ends a delegation that the user gave, at once; approvals given by it that nothing was sent for count no more.

    Repeating it changes nothing. Raises NotFound.
    """
    row = await own(session, DelegationRow, delegation_id, user_id, "delegation", lock=True)
    if row.withdrawn_at is not None or row.ends_at <= utc_now():
        return
    await session.execute(
        update(DelegationRow).where(col(DelegationRow.id) == delegation_id).values(withdrawn_at=utc_now())
    )
    await _tell(session, user_id, AuditKind.DELEGATION_WITHDRAWN, row, {})


async def listed(session: AsyncSession, user_id: UUID) -> list[DelegationRow]:
    """Those that the user gave, and those given to them; those that are not over first."""
    now = utc_now()
    rows = await session.execute(
        select(DelegationRow)
        .where(or_(col(DelegationRow.user_id) == user_id, col(DelegationRow.to_id) == user_id))
        .order_by(col(DelegationRow.starts_at).desc(), col(DelegationRow.id))
        .limit(200)
    )
    return sorted(rows.scalars(), key=lambda row: state_of(row, now) in {"ended", "over"})


def state_of(row: DelegationRow, now: datetime) -> str:
    """`coming`, `running`, `over` (its time is), or `ended` (before its time)."""
    if row.withdrawn_at is not None:
        return "ended"
    if now >= row.ends_at:
        return "over"
    return "running" if now >= row.starts_at else "coming"


async def running(session: AsyncSession, user_id: UUID) -> list[DelegationRow]:
    """Those by which the user may decide for somebody else now."""
    now = utc_now()
    rows = await session.execute(
        select(DelegationRow)
        .where(col(DelegationRow.to_id) == user_id, col(DelegationRow.withdrawn_at).is_(None))
        .where(col(DelegationRow.starts_at) <= now, col(DelegationRow.ends_at) > now)
        .order_by(col(DelegationRow.starts_at), col(DelegationRow.id))
    )
    return list(rows.scalars())


async def _tell(session: AsyncSession, by: UUID, kind: AuditKind, row: DelegationRow, body: dict[str, Any]) -> None:
    await teams.tell_each(session, by, kind, teams.about(row) | body, {row.user_id, row.to_id})
