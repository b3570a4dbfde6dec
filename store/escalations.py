"""Escalation: a card that nobody decided on is put before somebody else of its team, who may decide on it anyway.

It approves nothing and lets nobody approve: what judges approvals, decisions and grants reads none of this.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Code, InvalidInput, Refused
from coco.reminders import LONGEST_HOURS
from coco.teams import Role
from store import audit, events, locks, teams
from store.owned import own
from store.tables import Run, Workflow, utc_now
from store.tables_teams import Escalation, EscalationRule

ROLES = (Role.OWNER, Role.ADMIN, Role.APPROVER)
"""Roles that decide."""


class Escalated(NamedTuple):
    """A card that was put before the session's person."""

    run_id: UUID
    owner_id: UUID
    team_id: UUID
    title: str
    since: datetime
    at: datetime

    @property
    def link(self) -> str:
        return f"/teams/{self.team_id}/runs/{self.run_id}"


async def rule_of(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> EscalationRule | None:
    """The rule of a user's workflow. Raises NotFound for a workflow that is not theirs."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    return await session.get(EscalationRule, workflow_id, populate_existing=True)


async def set_rule(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, after_hours: int, *, to: UUID | Role
) -> None:
    """Has cards of the user's workflow put before a person, or everybody of a role in its team, after so many hours.

    Raises NotFound, InvalidInput, Refused (FORBIDDEN) where that is nobody who may decide on the workflow.
    """
    workflow = await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    if workflow.team_id is None:
        raise InvalidInput("Nothing was changed: share the workflow with a team first.")
    if not 1 <= after_hours <= LONGEST_HOURS:
        raise InvalidInput(f"after_hours: between 1 and {LONGEST_HOURS}")
    if isinstance(to, Role) and to not in ROLES:
        raise InvalidInput("to_role: owner, admin or approver; the others do not decide")
    before = await rule_of(session, user_id, workflow_id)
    by_role = isinstance(to, Role)
    values: dict[str, Any] = {"after_hours": after_hours, "updated_at": utc_now()}
    values |= {"to_role": str(to) if by_role else None, "to_id": None if by_role else to}
    told = _said(before)
    statement = insert(EscalationRule).values(workflow_id=workflow_id, user_id=user_id, **values)
    try:
        async with session.begin_nested():
            await session.execute(statement.on_conflict_do_update(index_elements=["workflow_id"], set_=values))
    except IntegrityError as error:
        reason = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        raise Refused(f"Nothing was changed: {reason}.", code=Code.FORBIDDEN) from error
    await _note(session, user_id, workflow_id, told, _said(await rule_of(session, user_id, workflow_id)))


async def remove_rule(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> None:
    """No card of the workflow is put before anybody from now on; repeating it changes nothing. Raises NotFound."""
    before = await rule_of(session, user_id, workflow_id)
    if before is not None:
        told = _said(before)
        await session.execute(delete(EscalationRule).where(col(EscalationRule.workflow_id) == workflow_id))
        await _note(session, user_id, workflow_id, told, None)


async def to_me(session: AsyncSession) -> list[Escalated]:
    """What was put before the session's person and waits for them, the longest-waiting first. Needs the API's role."""
    rows = await session.execute(text("SELECT * FROM coco_escalated_to_me() ORDER BY since, run_id"))
    return [Escalated(**row) for row in rows.mappings()]


async def of_run(session: AsyncSession, user_id: UUID, run_id: UUID) -> list[tuple[Escalation, str]]:
    """Before whom a user's run was put, oldest first, each with their name; none for who is in the team no more."""
    rows = await session.execute(
        select(Escalation, col(Workflow.team_id))
        .join(Run, col(Run.id) == col(Escalation.run_id))
        .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
        .where(col(Escalation.user_id) == user_id, col(Escalation.run_id) == run_id)
        .order_by(col(Escalation.at), col(Escalation.to_id))
    )
    found = [(row, team_id) for row, team_id in rows]
    team = found[0][1] if found else None
    people = await teams.members(session, team) if team is not None else []
    called = {one.user_id: one.name or one.email for one in people}
    return [(row, called.get(row.to_id, "")) for row, _ in found]


async def end_decided(session: AsyncSession) -> int:
    """Notes the end of those on whose run nothing waits for their person any more; how many. Needs the control role."""
    return int((await session.execute(text("SELECT coco_end_escalations()"))).scalar_one())


async def due_owners(session: AsyncSession) -> list[UUID]:
    """Whose runs have waited for too long by their workflow's rule. Needs the control role, and no user."""
    return list((await session.execute(text("SELECT DISTINCT owner_id FROM coco_escalations_due(NULL)"))).scalars())


async def escalate(session: AsyncSession, user_id: UUID) -> int:
    """Puts the user's cards that are due before whom their rules name; how many times. Needs the control role, in the
    user's session. Several workers may: one waits for the other, and then finds nothing due."""
    await locks.until_commit(session, f"escalate:{user_id}")
    rows = await session.execute(
        text(
            "SELECT run_id, team_id, title, to_id, since, after_hours FROM coco_escalations_due(:u) "
            "ORDER BY run_id, to_id"
        ),
        {"u": user_id},
    )
    by_run = defaultdict(list)
    for row in rows.all():
        by_run[row.run_id].append(row)
    now = utc_now()
    for run_id, found in by_run.items():
        for row in found:
            session.add(Escalation(run_id=run_id, to_id=row.to_id, at=now, user_id=user_id, since=row.since))
        await session.flush()
        since = min(row.since for row in found).isoformat()
        body = {"to": [str(row.to_id) for row in found], "after_hours": found[0].after_hours, "since": since}
        await audit.append(session, user_id, AuditKind.CARD_ESCALATED, actor="system", run_id=run_id, body=body)
        for row in found:
            told = Escalated(run_id, user_id, row.team_id, row.title, row.since, now)
            async with teams.acting_for(session, row.to_id, user_id):
                body = {"run": str(run_id), "title": told.title, "link": told.link, "since": since}
                await events.tell(session, row.to_id, "escalation", body=body)
    return sum(len(found) for found in by_run.values())


def _said(rule: EscalationRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    whom = {"role": rule.to_role} if rule.to_role else {"person": str(rule.to_id)}
    return {"after_hours": rule.after_hours, **whom}


async def _note(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, before: dict[str, Any] | None, now: dict[str, Any] | None
) -> None:
    if before != now:
        body = {"workflow": str(workflow_id), "from": before, "to": now}
        await audit.append(session, user_id, AuditKind.ESCALATION_SET, actor=f"user:{user_id}", body=body)
