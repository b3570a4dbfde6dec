"""What people of a team say of actions that are not theirs: each in a session of their own, bound to what they saw.

The database says whose action it is and whether the session's person may decide on it (`coco_team_decides`), and holds
the run and the action until the transaction ends. Only then is anything written in its owner's name.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.connections import check_usable
from coco.decisions import Verdict, after, check_shown
from coco.errors import InvalidInput, NotFound
from coco.teams import Permission
from store import approvals, connections, decisions, teams, views
from store.owned import own
from store.tables import ActionRow, DelegationRow, Run, Team, Workflow


class Waiting(NamedTuple):
    """What waits for a person in one run of somebody of their team."""

    team: Team
    owner: UUID
    owner_name: str
    run: views.RunView
    actions: list[views.ActionView]


async def waiting_count(session: AsyncSession) -> int:
    """How many actions of others wait for the session's person."""
    return int((await session.execute(text("SELECT count(*) FROM coco_waiting_for_me()"))).scalar_one())


async def teams_waiting(session: AsyncSession) -> list[UUID]:
    """The teams in which something waits for the session's person."""
    return list((await session.execute(text("SELECT DISTINCT team_id FROM coco_waiting_for_me()"))).scalars())


async def waiting(session: AsyncSession, user_id: UUID, team_id: UUID) -> list[Waiting]:
    """What waits for the person in a team, by run, oldest run first. In a session that names the team.

    Raises NotFound, Refused (FORBIDDEN) for a role that decides on nothing.
    """
    await teams.require(session, team_id, user_id, Permission.APPROVE)
    team = await teams.get(session, team_id)
    rows = await session.execute(
        text("SELECT owner_id, run_id, action_id FROM coco_waiting_for_me() WHERE team_id = :t"), {"t": team_id}
    )
    by_run: dict[UUID, tuple[UUID, set[UUID]]] = {}
    for row in rows:
        by_run.setdefault(row.run_id, (row.owner_id, set()))[1].add(row.action_id)
    pairs = await session.execute(
        select(Run, Workflow)
        .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
        .where(col(Run.id).in_(list(by_run)))
        .order_by(col(Run.created_at), col(Run.id))
    )
    called = {person.user_id: person.name or person.email for person in await teams.members(session, team_id)}
    found = []
    for run, workflow in pairs.all():
        owner, ids = by_run[run.id]
        (view,) = await views.run_views(session, owner, [(run, workflow)])
        actions = await views.some_actions(session, owner, ids)
        found.append(Waiting(team, owner, called.get(owner, ""), view, actions))
    return found


async def approve(
    session: AsyncSession,
    person: UUID,
    team_id: UUID,
    action_id: UUID,
    shown_digest: str,
    delegation_id: UUID | None = None,
) -> ActionRow:
    """One person's approval of an action of their team, exactly as they saw it; with a delegation, for who gave it.

    The action is approved once the approvals are what its rules ask for, and goes on waiting until then. Raises
    NotFound, Refused (FORBIDDEN, CONNECTION_UNUSABLE), Conflict (late, doubled, or another digest).
    """
    owner = await _whose(session, person, team_id, action_id)
    async with teams.naming(session, team_id):
        action = await own(session, ActionRow, action_id, owner, "action")
    after(ActionState(action.state), Verdict.APPROVE)
    check_shown(shown_digest, action.digest)
    delegation = await _delegation(session, person, delegation_id) if delegation_id is not None else None
    await approvals.record(session, person, action, shown_digest, delegation)
    async with teams.acting_for(session, owner, person):
        row = await decisions.complete(session, owner, action_id, shown_digest, by=person)
        connection = await connections.get(session, owner, row.connection_id)
        # Better said now than by the gateway later.
        check_usable(connection.state, gated=True)
    return row


async def reject(
    session: AsyncSession, person: UUID, team_id: UUID, action_id: UUID, shown_digest: str, reason: str
) -> ActionRow:
    """Rejects an action of the person's team; one rejection rejects.

    Raises NotFound, Refused (FORBIDDEN), InvalidInput (no reason), Conflict (late, or another digest).
    """
    owner = await _whose(session, person, team_id, action_id)
    async with teams.acting_for(session, owner, person):
        return await decisions.decide(session, owner, action_id, Verdict.REJECT, shown_digest, reason, by=person)


async def shown(session: AsyncSession, team_id: UUID, row: ActionRow) -> views.ActionView:
    """An action as its team sees it."""
    async with teams.naming(session, team_id):
        return await views.action(session, row.user_id, row.id)


async def run_of(session: AsyncSession, user_id: UUID, team_id: UUID, action_id: UUID) -> UUID | None:
    """The run of an action that the person sees in a team; None where there is none. In a session that names it."""
    if await teams.membership(session, team_id, user_id) is None:
        return None
    found = await session.execute(
        select(col(ActionRow.run_id)).where(col(ActionRow.id) == action_id, text("coco_sees_run(actions.run_id)"))
    )
    run_id: UUID | None = found.scalar_one_or_none()
    return run_id


async def _whose(session: AsyncSession, person: UUID, team_id: UUID, action_id: UUID) -> UUID:
    """Whose an action is that the person may decide on as one of a team. Raises NotFound, Refused (FORBIDDEN)."""
    await teams.require(session, team_id, person, Permission.APPROVE)
    asked = await session.execute(text("SELECT coco_team_decides(:t, :a)"), {"t": team_id, "a": action_id})
    owner: UUID | None = asked.scalar_one()
    if owner is None:
        raise NotFound("There is no such action in this team.")
    return owner


async def _delegation(session: AsyncSession, person: UUID, delegation_id: UUID) -> DelegationRow:
    found = await session.execute(
        select(DelegationRow).where(col(DelegationRow.id) == delegation_id, col(DelegationRow.to_id) == person)
    )
    row = found.scalar_one_or_none()
    if row is None:
        raise InvalidInput("delegation_id: there is no such delegation to you")
    return row
