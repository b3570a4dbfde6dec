"""Teams: the list with what makes and joins one, a team's own page, its runs' cards, and its audit entries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public import teaming
from api.public.away import stand_ins
from api.public.pages.feed import entry_links, outcome_of, pretty
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.errors import CocoError, InvalidInput
from coco.teams import Permission, Role, checked_name, may, may_change, may_give
from store import team_audit, team_budgets, team_decisions, team_invitations, team_runs, teams, workflows
from store.teams import Member

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Query(max_length=200)]


def _called(person: Member) -> str:
    return person.name or person.email


# -- the list ---------------------------------------------------------------------------------------------------------


async def _list_page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    async with visitor.parts.reading(visitor.user_id) as session:
        found = await teams.listed(session, visitor.user_id)
    return await own_page(request, visitor, "teams.html", here="teams", status=status, problem=problem, teams=found)


@router.get("/teams")
async def list_(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The teams that the visitor is in."""
    return await _list_page(request, visitor)


@router.get("/teams/join")
async def joining(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """Where an invitation's link leads: its token stands behind `#`, and a script puts it into the form."""
    return await own_page(request, visitor, "team_join.html", here="teams")


@router.post("/teams/join")
async def join(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Accepts an invitation."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            team_id = await team_invitations.accept(session, visitor.user_id, text_of(form, "token").strip()[:200])
    except CocoError as error:
        return await own_page(
            request, visitor, "team_join.html", here="teams", status=status_of(error), problem=error.message
        )
    return RedirectResponse(f"/teams/{team_id}", status_code=303)


@router.post("/teams")
async def make(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Makes a team."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            team = await teams.make(session, visitor.user_id, checked_name(text_of(form, "name")))
    except CocoError as error:
        return await _list_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse(f"/teams/{team.id}", status_code=303)


# -- a team -----------------------------------------------------------------------------------------------------------


async def _team_page(
    request: Request,
    visitor: Visitor,
    team_id: UUID,
    *,
    cursor: str | None = None,
    status: int = 200,
    problem: str = "",
    invited: teaming.Invited | None = None,
) -> HTMLResponse:
    """A team as it stands, and what went wrong where something did. `invited` is shown this once. Raises NotFound."""
    async with visitor.parts.team(visitor.user_id, team_id) as session:
        role = await teams.require(session, team_id, visitor.user_id, Permission.SEE)
        team = await teams.get(session, team_id)
        people = await teams.people(session, team_id)
        shared = await team_runs.workflows(session, visitor.user_id, team_id)
        runs = await team_runs.listed(session, visitor.user_id, team_id, cursor=cursor, limit=20)
        invitations = await team_invitations.open_ones(session, team_id)
        own = await workflows.listed(session, visitor.user_id) if may(role, Permission.SHARE) else []
        decides = may(role, Permission.APPROVE)
        waiting_here = await team_decisions.waiting(session, visitor.user_id, team_id) if decides else []
        budgets = await team_budgets.listed(session, visitor.user_id, team_id, datetime.now(UTC))
    members = [person for person in people if person.left_at is None]
    changes = {person.user_id: [one for one in Role if may_change(role, person.role, one)] for person in members}
    return await own_page(
        request,
        visitor,
        "team.html",
        here="teams",
        status=status,
        problem=problem,
        team=team,
        role=role,
        may={permission.name.lower(): may(role, permission) for permission in Permission},
        members=members,
        left=[person for person in people if person.left_at is not None],
        changes=changes,
        gives=[one for one in Role if may_give(role, one)],
        called={person.user_id: _called(person) for person in people},
        invitations=invitations,
        invited=invited,
        shared=shared,
        keys={row.id: str(uuid4()) for row in shared},
        to_share=[row for row in own if row.team_id is None],
        runs=runs,
        waiting_here=waiting_here,
        budgets=budgets,
        first=cursor is None,
    )


async def as_it_is(request: Request, visitor: Visitor, team_id: UUID, error: CocoError) -> HTMLResponse:
    """The team's page, saying what was not done and why. Raises NotFound for who is not in it."""
    return await _team_page(request, visitor, team_id, status=status_of(error), problem=error.message)


@router.get("/teams/{team_id}")
async def team(
    request: Request, team_id: UUID, visitor: VisitorDep, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> HTMLResponse:
    """A team: members, shared workflows, runs."""
    return await _team_page(request, visitor, team_id, cursor=cursor)


@router.post("/teams/{team_id}/invitations")
async def invite(request: Request, team_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Invites an address; the page that answers shows the link, this once."""
    try:
        made = await teaming.invite(visitor.parts, visitor.user_id, team_id, text_of(form, "email"), _role(form))
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    response = await _team_page(request, visitor, team_id, invited=made)
    response.headers["cache-control"] = "no-store"
    return response


@router.post("/teams/{team_id}/invitations/{invitation_id}/revoke")
async def revoke(request: Request, team_id: UUID, invitation_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Nobody joins by it any more."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await team_invitations.revoke(session, visitor.user_id, team_id, invitation_id)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#members", status_code=303)


@router.post("/teams/{team_id}/members/{person_id}/role")
async def set_role(request: Request, team_id: UUID, person_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Changes a member's role."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await teams.set_role(session, visitor.user_id, team_id, person_id, _role(form))
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#members", status_code=303)


@router.post("/teams/{team_id}/members/{person_id}/remove")
async def remove(request: Request, team_id: UUID, person_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Takes somebody out of the team."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await teams.remove(session, visitor.user_id, team_id, person_id)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#members", status_code=303)


@router.post("/teams/{team_id}/leave")
async def leave(request: Request, team_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Leaves the team."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await teams.remove(session, visitor.user_id, team_id, visitor.user_id)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse("/teams", status_code=303)


@router.post("/teams/{team_id}/workflows")
async def share(request: Request, team_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Shares a workflow of the visitor's."""
    try:
        try:
            workflow_id = UUID(text_of(form, "workflow"))
        except ValueError as error:
            raise InvalidInput("workflow: choose one of the list") from error
        async with visitor.parts.writing(visitor.user_id) as session:
            await teams.share(session, visitor.user_id, team_id, workflow_id)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#shared", status_code=303)


@router.post("/teams/{team_id}/workflows/{workflow_id}/unshare")
async def unshare(request: Request, team_id: UUID, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Takes a workflow out of the team."""
    try:
        async with visitor.parts.writing(visitor.user_id) as session:
            await teams.unshare(session, visitor.user_id, team_id, workflow_id)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#shared", status_code=303)


@router.post("/teams/{team_id}/workflows/{workflow_id}/runs")
async def start(request: Request, team_id: UUID, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Starts a shared workflow; the form's key makes a double click one run."""
    try:
        key = text_of(form, "key") or str(uuid4())
        run = await teaming.start(visitor.parts, visitor.user_id, team_id, workflow_id, key)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}/runs/{run.id}", status_code=303)


def _role(form: FormData) -> Role:
    try:
        return Role(text_of(form, "role"))
    except ValueError as error:
        raise InvalidInput("role: choose one of the list") from error


# -- what is shared ---------------------------------------------------------------------------------------------------


async def card_page(
    request: Request, visitor: Visitor, team_id: UUID, run_id: UUID, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    """The card of a run of a shared workflow, with what went wrong where something did. Raises NotFound."""
    async with visitor.parts.team(visitor.user_id, team_id) as session:
        owner, found = await team_runs.card(session, visitor.user_id, team_id, run_id)
        role = await teams.require(session, team_id, visitor.user_id, Permission.RUNS)
        team = await teams.get(session, team_id)
        called = {person.user_id: _called(person) for person in await teams.people(session, team_id)}
    return await own_page(
        request,
        visitor,
        "team_card.html",
        here="teams",
        status=status,
        problem=problem,
        team=team,
        card=found,
        owner=called.get(owner, ""),
        decides=may(role, Permission.APPROVE),
        stand_ins=await stand_ins(visitor.parts, visitor.user_id),
    )


@router.get("/teams/{team_id}/runs/{run_id}")
async def card(request: Request, team_id: UUID, run_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """The card of a run of a shared workflow; with what decides on its actions, for who may."""
    return await card_page(request, visitor, team_id, run_id)


@router.get("/teams/{team_id}/activity")
async def activity(
    request: Request,
    team_id: UUID,
    visitor: VisitorDep,
    member: Text = "",
    workflow: Text = "",
    cursor: Text = "",
) -> HTMLResponse:
    """The audit entries of every member's shared workflows and of the team."""
    asked: dict[str, Any] = {}
    for name, value in (("member", member), ("workflow", workflow)):
        try:
            asked |= {name: UUID(value)} if value else {}
        except ValueError as error:
            raise InvalidInput(f"{name}: choose one of the list") from error
    async with visitor.parts.team(visitor.user_id, team_id) as session:
        found = await team_audit.page(
            session, visitor.user_id, team_id, team_audit.TeamFilter(**asked), cursor=cursor or None
        )
        team = await teams.get(session, team_id)
        people = await teams.people(session, team_id)
        shared = await team_runs.workflows(session, visitor.user_id, team_id)
    return await own_page(
        request,
        visitor,
        "team_activity.html",
        here="teams",
        team=team,
        entries=found.items,
        next=found.next,
        first=not cursor,
        asked={name: str(value) for name, value in asked.items()},
        people=people,
        called={str(person.user_id): _called(person) for person in people},
        shared=shared,
        entry_links=entry_links,
        pretty=pretty,
        outcome_of=outcome_of,
    )
