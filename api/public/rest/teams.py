"""Teams: members, invitations, shared workflows with their runs, and the audit entries of it all."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import Field

from api.public import teaming
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Given, Limit, Told
from api.public.rest.workflows import WorkflowOut, workflow_out
from coco.audit import AuditKind
from coco.teams import MAX_NAME, Permission, Role, checked_name
from store import team_audit, team_invitations, team_runs, teams, views
from store.tables import Team

router = APIRouter(tags=["teams"])


class NewTeam(Given):
    name: Annotated[str, Field(max_length=MAX_NAME)]


class TeamOut(Told):
    id: UUID
    name: str
    role: Role
    """The caller's."""
    created_at: datetime


class MemberOut(Told):
    user_id: UUID
    email: str
    name: str
    role: Role
    joined_at: datetime
    left_at: datetime | None
    """Those who left are told to who may read the team's audit entries."""
    invited_by: UUID | None


class WholeTeam(TeamOut):
    members: list[MemberOut]


class NewInvitation(Given):
    email: Annotated[str, Field(max_length=320)]
    role: Role


class InvitationOut(Told):
    id: UUID
    email: str
    role: Role
    invited_by: UUID
    created_at: datetime
    expires_at: datetime


class NewInvitationOut(Told):
    """Told once: the token is kept nowhere. Pass it, or the link, on to whom you invite."""

    id: UUID
    email: str
    role: Role
    token: str
    link: str


class Join(Given):
    token: Annotated[str, Field(min_length=1, max_length=200)]


class NewRole(Given):
    role: Role


class SharedWorkflow(WorkflowOut):
    user_id: UUID
    """Whose it is: it runs in their sandbox, by their connections and credits."""


class StartedOut(Told):
    run_id: UUID


class TeamCard(Told):
    user_id: UUID
    """Whose run it is."""
    card: views.CardView


def _team(team: Team, role: Role) -> TeamOut:
    return TeamOut(id=team.id, name=team.name, role=role, created_at=team.created_at)


@router.get("/teams")
async def list_teams(user: BearerUser, parts: PartsDep) -> list[TeamOut]:
    """The teams that the user is in."""
    async with parts.reading(user.user_id) as session:
        return [_team(team, role) for team, role in await teams.listed(session, user.user_id)]


@router.post("/teams", status_code=201)
async def make_team(body: NewTeam, user: BearerUser, parts: PartsDep) -> TeamOut:
    """Makes a team, with its maker as owner. Comes with the Team tier."""
    async with parts.writing(user.user_id) as session:
        return _team(await teams.make(session, user.user_id, checked_name(body.name)), Role.OWNER)


@router.post("/team-invitations/accept")
async def join_team(body: Join, user: BearerUser, parts: PartsDep) -> TeamOut:
    """Accepts an invitation, signed in with the address that was invited."""
    async with parts.writing(user.user_id) as session:
        team_id = await team_invitations.accept(session, user.user_id, body.token)
        role = await teams.require(session, team_id, user.user_id, Permission.SEE)
        return _team(await teams.get(session, team_id), role)


@router.get("/teams/{team_id}")
async def get_team(team_id: UUID, user: BearerUser, parts: PartsDep) -> WholeTeam:
    """A team with its members."""
    async with parts.reading(user.user_id) as session:
        role = await teams.require(session, team_id, user.user_id, Permission.SEE)
        people = await teams.people(session, team_id)
        told = _team(await teams.get(session, team_id), role)
    return WholeTeam(**told.model_dump(), members=[MemberOut(**person._asdict()) for person in people])


@router.get("/teams/{team_id}/invitations")
async def list_invitations(team_id: UUID, user: BearerUser, parts: PartsDep) -> list[InvitationOut]:
    """Invitations that may still be accepted; for who may invite."""
    async with parts.reading(user.user_id) as session:
        await teams.require(session, team_id, user.user_id, Permission.MANAGE)
        rows = await team_invitations.open_ones(session, team_id)
    return [InvitationOut(**row.model_dump(include=set(InvitationOut.model_fields))) for row in rows]


@router.post("/teams/{team_id}/invitations", status_code=201)
async def invite(team_id: UUID, body: NewInvitation, user: BearerUser, parts: PartsDep) -> NewInvitationOut:
    """Invites an address, for a week. Coco sends nothing: pass the link on."""
    made = await teaming.invite(parts, user.user_id, team_id, body.email, body.role)
    return NewInvitationOut(id=made.id, email=made.email, role=made.role, token=made.token, link=made.link)


@router.post("/teams/{team_id}/invitations/{invitation_id}/revoke", status_code=204)
async def revoke_invitation(team_id: UUID, invitation_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Nobody joins by it any more. Repeating it changes nothing."""
    async with parts.writing(user.user_id) as session:
        await team_invitations.revoke(session, user.user_id, team_id, invitation_id)


@router.post("/teams/{team_id}/members/{person_id}/role", status_code=204)
async def set_role(team_id: UUID, person_id: UUID, body: NewRole, user: BearerUser, parts: PartsDep) -> None:
    """Changes a member's role. Nobody gives, or changes, a role above their own; a team keeps an owner."""
    async with parts.writing(user.user_id) as session:
        await teams.set_role(session, user.user_id, team_id, person_id, body.role)


@router.post("/teams/{team_id}/members/{person_id}/remove", status_code=204)
async def remove_member(team_id: UUID, person_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Takes somebody out of the team, at once. What they had shared with it is theirs alone again."""
    async with parts.writing(user.user_id) as session:
        await teams.remove(session, user.user_id, team_id, person_id)


@router.post("/teams/{team_id}/leave", status_code=204)
async def leave(team_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Leaves the team, at once. What one had shared with it is one's own alone again."""
    async with parts.writing(user.user_id) as session:
        await teams.remove(session, user.user_id, team_id, user.user_id)


@router.get("/teams/{team_id}/workflows")
async def list_shared(team_id: UUID, user: BearerUser, parts: PartsDep) -> list[SharedWorkflow]:
    """The workflows that are shared with the team."""
    async with parts.team(user.user_id, team_id) as session:
        rows = await team_runs.workflows(session, user.user_id, team_id)
    return [SharedWorkflow(**workflow_out(row).model_dump(), user_id=row.user_id) for row in rows]


@router.post("/teams/{team_id}/workflows/{workflow_id}/share", status_code=204)
async def share(team_id: UUID, workflow_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Shares a workflow of one's own, from now on: runs from before stay private. Repeating it changes nothing."""
    async with parts.writing(user.user_id) as session:
        await teams.share(session, user.user_id, team_id, workflow_id)


@router.post("/teams/{team_id}/workflows/{workflow_id}/unshare", status_code=204)
async def unshare(team_id: UUID, workflow_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Takes a workflow out of the team: one's own, or as who manages it."""
    async with parts.writing(user.user_id) as session:
        await teams.unshare(session, user.user_id, team_id, workflow_id)


@router.post("/teams/{team_id}/workflows/{workflow_id}/runs", status_code=201)
async def start_shared(
    team_id: UUID,
    workflow_id: UUID,
    user: BearerUser,
    parts: PartsDep,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="The same key gives the same run, however often it is sent.")
    ] = None,
) -> StartedOut:
    """Starts a shared workflow as it is set up. The run is its person's, and says who asked for it."""
    run = await teaming.start(parts, user.user_id, team_id, workflow_id, idempotency_key)
    return StartedOut(run_id=run.id)


@router.get("/teams/{team_id}/runs")
async def list_runs(
    team_id: UUID,
    user: BearerUser,
    parts: PartsDep,
    workflow_id: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[views.RunView]:
    """The runs of shared workflows since they were shared, newest first."""
    async with parts.team(user.user_id, team_id) as session:
        return await team_runs.listed(
            session, user.user_id, team_id, workflow_id=workflow_id, cursor=cursor, limit=limit
        )


@router.get("/teams/{team_id}/runs/{run_id}")
async def get_run(team_id: UUID, run_id: UUID, user: BearerUser, parts: PartsDep) -> TeamCard:
    """The whole card of a run of a shared workflow. What language models were asked is not on it."""
    async with parts.team(user.user_id, team_id) as session:
        owner, card = await team_runs.card(session, user.user_id, team_id, run_id)
    return TeamCard(user_id=owner, card=card)


@router.get("/teams/{team_id}/activity")
async def team_activity(
    team_id: UUID,
    user: BearerUser,
    parts: PartsDep,
    member: Annotated[UUID | None, Query(description="In whose chain it is, or who did it.")] = None,
    workflow: Annotated[UUID | None, Query()] = None,
    run_id: Annotated[UUID | None, Query()] = None,
    kind: Annotated[AuditKind | None, Query()] = None,
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[team_audit.TeamEntry]:
    """The audit entries of every member's shared workflows, and of the team, newest first; for owners, admins and
    auditors."""
    wanted = team_audit.TeamFilter(member=member, workflow=workflow, run=run_id, kind=kind, since=since, until=until)
    async with parts.reading(user.user_id) as session:
        return await team_audit.page(session, user.user_id, team_id, wanted, cursor=cursor, limit=limit)
