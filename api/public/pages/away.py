"""While you are away: who decides instead, what waits and when one is reminded of it; and a workflow's escalation."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public.away import checked_terms, span
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.pages.workflow import as_it_is
from coco.errors import CocoError, InvalidInput
from coco.teams import Permission, Role, may
from store import delegations, escalations, reminders, team_runs, teams
from store.tables import DelegationRow, Team, Workflow, utc_now
from store.teams import Member

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class Place:
    """A team in which the visitor may let somebody decide for them."""

    team: Team
    people: list[Member]
    """Who may, by their own role."""
    shared: list[Workflow]


async def away_page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    """The page, and what went wrong where something did."""
    me, now = visitor.user_id, utc_now()
    called: dict[UUID, str] = {me: "you"}
    titles: dict[str, str] = {}
    places = []
    async with visitor.parts.reading(me) as session:
        found = await delegations.listed(session, me)
        terms = await reminders.terms_of(session, me)
        cards = await reminders.waiting(session, me)
        escalated = await escalations.to_me(session)
        mine = await teams.listed(session, me)
    for team, role in mine:
        async with visitor.parts.team(me, team.id) as session:
            people = await teams.members(session, team.id)
            shared = await team_runs.workflows(session, me, team.id)
        called = {person.user_id: person.name or person.email for person in people} | called
        titles |= {str(row.id): row.title for row in shared}
        decides = may(role, Permission.APPROVE)
        others = [one for one in people if one.user_id != me and may(one.role, Permission.APPROVE)]
        own = [row for row in shared if decides or row.user_id == me]
        if others and (decides or own):
            places.append(Place(team, others, own))
    return await own_page(
        request,
        visitor,
        "away.html",
        here="away",
        status=status,
        problem=problem,
        given=[(row, delegations.state_of(row, now)) for row in found if row.user_id == me],
        received=[(row, delegations.state_of(row, now)) for row in found if row.to_id == me and _matters(row)],
        called=called,
        titles=titles,
        team_names={team.id: team.name for team, _ in mine},
        places=places,
        terms=terms,
        cards=cards,
        escalated={one.run_id: one for one in escalated},
        today=now.date(),
    )


def _matters(row: DelegationRow) -> bool:
    return row.withdrawn_at is None and row.ends_at > utc_now()


@router.get("/away")
async def away(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The page."""
    return await away_page(request, visitor)


@router.post("/away/delegations")
async def give(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Lets somebody of a team decide for the visitor."""
    try:
        try:
            team_id, to = UUID(text_of(form, "team")), UUID(text_of(form, "to"))
            picked = [UUID(str(item)) for item in form.getlist("workflow")]
        except ValueError as error:
            raise InvalidInput("to: choose somebody of the list") from error
        zone = text_of(form, "zone").strip() or "UTC"
        start, end = span(text_of(form, "first"), text_of(form, "last"), zone, utc_now())
        async with visitor.parts.writing(visitor.user_id) as session:
            await delegations.give(session, visitor.user_id, team_id, to, start, end, picked or None)
    except CocoError as error:
        return await away_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/away#delegations", status_code=303)


@router.post("/away/delegations/{delegation_id}/end")
async def end(delegation_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Ends one, at once."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await delegations.end(session, visitor.user_id, delegation_id)
    return RedirectResponse("/away#delegations", status_code=303)


@router.post("/away/reminders")
async def set_reminders(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets when the visitor is reminded."""
    try:
        again = text_of(form, "again_hours").strip()
        terms = checked_terms(
            {
                "on": bool(text_of(form, "on")),
                "first_hours": _hours(form, "first_hours"),
                "again_hours": _hours(form, "again_hours") if again else None,
                "quiet_from": text_of(form, "quiet_from").strip() or None,
                "quiet_until": text_of(form, "quiet_until").strip() or None,
                "zone": text_of(form, "zone").strip() or "UTC",
            }
        )
        async with visitor.parts.writing(visitor.user_id) as session:
            await reminders.set_terms(session, visitor.user_id, terms)
    except CocoError as error:
        return await away_page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/away#reminders", status_code=303)


@router.post("/workflows/{workflow_id}/escalation")
async def set_escalation(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets before whom, and after how long, cards of the workflow are put; or, with nobody chosen, that none is."""
    try:
        kind, _, value = text_of(form, "to").partition(":")
        async with visitor.parts.writing(visitor.user_id) as session:
            if not kind:
                await escalations.remove_rule(session, visitor.user_id, workflow_id)
            else:
                try:
                    to = Role(value) if kind == "role" else UUID(value)
                except ValueError as error:
                    raise InvalidInput("to: choose one of the list") from error
                hours = _hours(form, "after_hours")
                await escalations.set_rule(session, visitor.user_id, workflow_id, hours, to=to)
    except CocoError as error:
        return await as_it_is(request, visitor, workflow_id, error)
    return RedirectResponse(f"/workflows/{workflow_id}#escalation", status_code=303)


def _hours(form: FormData, name: str) -> int:
    told = text_of(form, name).strip()
    if not told.isascii() or not told.isdigit() or len(told) > 4:
        raise InvalidInput(f"{name}: a whole number of hours, such as 24; nothing was changed.")
    return int(told)
