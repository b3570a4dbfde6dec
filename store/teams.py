"""Teams: who is in one, by which role, and how that changes. All by the API's role.

Every change is a function of the database's, which asks by itself whether the session's person may
(store.migrations.privileges_teams). A change is an entry in the chain of who made it and, where it is about somebody
else, in theirs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.errors import Code, NotFound, Refused
from coco.teams import Permission, Role, may
from coco.tiers import Feature
from store import approvals, audit, locks, tiers
from store.owned import own
from store.tables import DelegationRow, Team, TeamMember, Workflow


class Member(NamedTuple):
    """Somebody in a team, or who was."""

    user_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime
    left_at: datetime | None
    invited_by: UUID | None


async def membership(session: AsyncSession, team_id: UUID, user_id: UUID) -> Role | None:
    """Somebody's role in a team now; None for who is not in it, and for a team that the session's person is not in."""
    found = await session.execute(
        select(col(TeamMember.role)).where(
            col(TeamMember.team_id) == team_id, col(TeamMember.user_id) == user_id, col(TeamMember.left_at).is_(None)
        )
    )
    role = found.scalar_one_or_none()
    return Role(role) if role is not None else None


async def members(session: AsyncSession, team_id: UUID) -> list[Member]:
    """Who is in a team now, the longest-standing first; nobody for a team that the session's person is not in."""
    return [member for member in await people(session, team_id) if member.left_at is None]


async def people(session: AsyncSession, team_id: UUID) -> list[Member]:
    """As `members`; for who may read the team's audit entries, with those who left."""
    rows = await session.execute(
        text("SELECT * FROM coco_team_people(:t) ORDER BY left_at IS NOT NULL, joined_at, user_id"), {"t": team_id}
    )
    return [Member(**{**row, "role": Role(row["role"])}) for row in rows.mappings()]


async def require(session: AsyncSession, team_id: UUID, user_id: UUID, permission: Permission) -> Role:
    """The person's role in the team. Raises NotFound where they have none, Refused (FORBIDDEN) if it is too little."""
    role = await membership(session, team_id, user_id)
    if role is None:
        raise NotFound("There is no such team.")
    if not may(role, permission):
        raise Refused(f"Nothing was changed: your role ({role}) does not let you {permission}.", code=Code.FORBIDDEN)
    return role


async def listed(session: AsyncSession, user_id: UUID) -> list[tuple[Team, Role]]:
    """The teams that a person is in, by name, with their role."""
    rows = await session.execute(
        select(Team, col(TeamMember.role))
        .join(TeamMember, col(TeamMember.team_id) == col(Team.id))
        .where(col(TeamMember.user_id) == user_id, col(TeamMember.left_at).is_(None))
        .order_by(col(Team.name), col(Team.id))
    )
    return [(team, Role(role)) for team, role in rows]


async def get(session: AsyncSession, team_id: UUID) -> Team:
    """A team that the session's person is in. Raises NotFound."""
    found = await session.execute(select(Team).where(col(Team.id) == team_id))
    team = found.scalar_one_or_none()
    if team is None:
        raise NotFound("There is no such team.")
    return team


async def make(session: AsyncSession, user_id: UUID, name: str) -> Team:
    """A new team, owned by who makes it; `name` is checked by the caller. Raises Refused (TIER)."""
    await tiers.check_feature(session, user_id, Feature.SHARED_WORKFLOWS)
    team_id = uuid4()
    await ask(session, "coco_team_make(:team, :name)", team=team_id, name=name)
    await tell(session, user_id, AuditKind.TEAM_CREATED, {"team": str(team_id), "name": name})
    return await get(session, team_id)


async def set_role(session: AsyncSession, user_id: UUID, team_id: UUID, person: UUID, role: Role) -> None:
    """Changes a member's role; the same one again changes nothing.

    Raises NotFound, Refused (FORBIDDEN) where the role of who asks is too little or the team would have no owner.
    """
    await require(session, team_id, user_id, Permission.MANAGE)
    before = await _member(session, team_id, person)
    if before is role:
        return
    await ask(session, "coco_team_set_role(:team, :person, :role)", team=team_id, person=person, role=role.value)
    body = {"team": str(team_id), "person": str(person), "from": before.value, "to": role.value}
    await tell(session, user_id, AuditKind.TEAM_ROLE_CHANGED, body, also=person)


async def remove(session: AsyncSession, user_id: UUID, team_id: UUID, person: UUID) -> None:
    """Takes somebody out of a team, or leaves it; what they had shared with it is theirs alone again, at once.

    Raises NotFound, Refused (FORBIDDEN) where the role of who asks is too little or the team would have no owner.
    """
    await require(session, team_id, user_id, Permission.SEE if person == user_id else Permission.MANAGE)
    role = await _member(session, team_id, person)
    ending = await _delegations_ending(session, team_id, person)
    await ask(session, "coco_team_end(:team, :person)", team=team_id, person=person)
    # After the team, as everywhere; and all of them at once, in one order.
    await _hold_chains(session, {user_id, person}.union(*({row.user_id, row.to_id} for row in ending)))
    for row in ending:
        why = {"why": "one of them is not in the team any more"}
        await tell_each(session, user_id, AuditKind.DELEGATION_WITHDRAWN, about(row) | why, {row.user_id, row.to_id})
    body = {"team": str(team_id), "person": str(person), "role": role.value}
    if person == user_id:
        await tell(session, user_id, AuditKind.TEAM_LEFT, body)
    else:
        await tell(session, user_id, AuditKind.TEAM_MEMBER_REMOVED, body, also=person)


async def share(session: AsyncSession, user_id: UUID, team_id: UUID, workflow_id: UUID) -> None:
    """Shares a workflow of one's own with a team, from now on; again with the same team changes nothing.

    Raises NotFound, Refused (FORBIDDEN, TIER), also where it is archived or shared with another team.
    """
    await require(session, team_id, user_id, Permission.SHARE)
    await tiers.check_team_feature(session, team_id, Feature.SHARED_WORKFLOWS)
    workflow = await own(session, Workflow, workflow_id, user_id, "workflow")
    if workflow.team_id == team_id:
        return
    await ask(session, "coco_team_share(:team, :workflow)", team=team_id, workflow=workflow_id)
    rule = await approvals.rule_of(session, user_id, workflow_id)
    body: dict[str, Any] = {"team": str(team_id), "workflow": str(workflow_id), "title": workflow.title}
    # A rule that was set while nobody of the team looked is told to them here.
    body |= {"rule": rule.model_dump(mode="json")}
    await tell(session, user_id, AuditKind.TEAM_WORKFLOW_SHARED, body)


async def unshare(session: AsyncSession, user_id: UUID, team_id: UUID, workflow_id: UUID) -> None:
    """Takes a workflow out of a team: one's own, or as who manages the team. Nobody of the team sees it any more.

    Raises NotFound where it is not shared with that team, Refused (FORBIDDEN).
    """
    await require(session, team_id, user_id, Permission.SEE)
    async with naming(session, team_id):
        owner = await shared_by(session, workflow_id)
    if owner is None:
        raise NotFound("There is no such workflow in this team.")
    if owner != user_id:
        await require(session, team_id, user_id, Permission.MANAGE)
    await ask(session, "coco_team_unshare(:workflow)", workflow=workflow_id)
    body = {"team": str(team_id), "workflow": str(workflow_id), "of": str(owner)}
    await tell(session, user_id, AuditKind.TEAM_WORKFLOW_UNSHARED, body, also=owner)


async def shared_by(session: AsyncSession, workflow_id: UUID) -> UUID | None:
    """Whose a workflow is that is shared with the session's team; None where it is not."""
    found = await session.execute(
        text("SELECT owner_id FROM coco_shared_here() WHERE workflow_id = :w"), {"w": workflow_id}
    )
    owner: UUID | None = found.scalar_one_or_none()
    return owner


async def _member(session: AsyncSession, team_id: UUID, person: UUID) -> Role:
    role = await membership(session, team_id, person)
    if role is None:
        raise NotFound("There is no such member.")
    return role


async def ask(session: AsyncSession, call: str, **values: Any) -> Any:
    """What a function of the database's answers. Raises Refused (FORBIDDEN) with its words where it says no."""
    try:
        async with session.begin_nested():
            return (await session.execute(text(f"SELECT {call}"), values)).scalar_one()
    except IntegrityError as error:
        told = getattr(getattr(error.orig, "diag", None), "message_primary", None)
        raise Refused(f"Nothing was changed: {told}.", code=Code.FORBIDDEN) from error


async def tell(
    session: AsyncSession, user_id: UUID, kind: AuditKind, body: Mapping[str, Any], *, also: UUID | None = None
) -> None:
    """An entry in the chain of who did it and, in the same transaction, of whom it is about."""
    await tell_each(session, user_id, kind, body, {user_id, also or user_id})


async def tell_each(
    session: AsyncSession, by: UUID, kind: AuditKind, body: Mapping[str, Any], people: Collection[UUID]
) -> None:
    """As `tell`, in the chain of each of these people."""
    await _hold_chains(session, people)
    for chain in sorted(people):
        async with acting_for(session, chain, by):
            await audit.append(session, chain, kind, actor=f"user:{by}", body=dict(body))


async def _hold_chains(session: AsyncSession, people: Collection[UUID]) -> None:
    """In one order, so that two who change each other do not wait for each other for ever."""
    for chain in sorted(people):
        await locks.until_commit(session, f"audit:{chain}")


def about(row: DelegationRow) -> dict[str, Any]:
    """What an entry says of a delegation."""
    return {"delegation": str(row.id), "team": str(row.team_id), "by": str(row.user_id), "to": str(row.to_id)}


async def _delegations_ending(session: AsyncSession, team_id: UUID, person: UUID) -> list[DelegationRow]:
    """Those that the database ends with somebody's membership."""
    rows = await session.execute(
        select(DelegationRow).from_statement(text("SELECT * FROM coco_delegations_ending(:team, :person)")),
        {"team": team_id, "person": person},
    )
    return list(rows.scalars())


@asynccontextmanager
async def acting_for(session: AsyncSession, person: UUID, back: UUID) -> AsyncIterator[None]:
    """Within the block the session is `person`'s: for an entry of their chain, or for what `back` may do of theirs.

    Only where the database has said so in the same transaction. Where the block fails, the transaction has failed.
    """
    await session.execute(_SET, {"name": "coco.user_id", "value": str(person)})
    yield
    await session.execute(_SET, {"name": "coco.user_id", "value": str(back)})


@asynccontextmanager
async def naming(session: AsyncSession, team_id: UUID) -> AsyncIterator[None]:
    """Within the block the session names a team, as store.database.Database.team's does."""
    await session.execute(_SET, {"name": "coco.team_id", "value": str(team_id)})
    yield
    await session.execute(_SET, {"name": "coco.team_id", "value": ""})


_SET = text("SELECT set_config(:name, :value, true)")
