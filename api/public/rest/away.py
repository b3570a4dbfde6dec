"""While one is away: who decides instead, when one is reminded, and before whom a card nobody decides on is put."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.public import away
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from coco.errors import InvalidInput
from coco.reminders import LONGEST_HOURS
from coco.teams import Role
from store import delegations, escalations, reminders
from store.tables import DelegationRow, utc_now
from store.tables_teams import EscalationRule

router = APIRouter(tags=["away"])

Hours = Annotated[int, Field(ge=1, le=LONGEST_HOURS)]


class NewDelegation(Given):
    to: UUID
    """Somebody of the team who may decide by a role of their own."""
    workflows: Annotated[list[UUID], Field(min_length=1, max_length=200)] | None = None
    """Shared workflows on which both may decide; none for all of the team's."""
    starts_at: datetime | None = None
    """None for now."""
    ends_at: datetime
    """At most 90 days after it starts."""


class DelegationOut(Told):
    id: UUID
    team_id: UUID
    by: UUID
    to: UUID
    workflows: list[UUID] | None
    starts_at: datetime
    ends_at: datetime
    withdrawn_at: datetime | None
    state: Literal["coming", "running", "over", "ended"]
    """`over`: its time is. `ended`: before its time, by who gave it or with a membership."""


class ReminderTermsIn(Given):
    on: bool = True
    first_hours: Hours = 4
    again_hours: Hours | None = 24
    """None: once."""
    quiet_from: Annotated[str, Field(max_length=5)] | None = None
    """A time of day, such as 22:00, in `zone`."""
    quiet_until: Annotated[str, Field(max_length=5)] | None = None
    zone: Annotated[str, Field(max_length=60)] = "UTC"


class ReminderTermsOut(ReminderTermsIn):
    pass


class WaitingOut(Told):
    run_id: UUID
    owner_id: UUID
    team_id: UUID | None
    """Where it is somebody else's: the team that shows it."""
    title: str
    since: datetime
    reminded: int
    reminded_at: datetime | None
    link: str


class EscalationIn(Given):
    after_hours: Hours
    to_id: UUID | None = None
    to_role: Role | None = None
    """One of the two: a person, or everybody of a role (owner, admin, approver) in its team."""


class EscalationOut(Told):
    after_hours: int
    to_id: UUID | None
    to_role: Role | None
    updated_at: datetime


class EscalatedOut(Told):
    run_id: UUID
    owner_id: UUID
    team_id: UUID
    title: str
    since: datetime
    at: datetime
    link: str


def _delegation(row: DelegationRow) -> DelegationOut:
    told = row.model_dump(exclude={"user_id", "to_id"})
    return DelegationOut(**told, by=row.user_id, to=row.to_id, state=delegations.state_of(row, utc_now()))


def _rule(row: EscalationRule | None) -> EscalationOut | None:
    return EscalationOut(**row.model_dump(exclude={"workflow_id", "user_id"})) if row is not None else None


@router.get("/delegations")
async def list_delegations(user: BearerUser, parts: PartsDep) -> list[DelegationOut]:
    """Those that the user gave, and those given to them; those that are not over first."""
    async with parts.reading(user.user_id) as session:
        return [_delegation(row) for row in await delegations.listed(session, user.user_id)]


@router.post("/teams/{team_id}/delegations", status_code=201)
async def give_delegation(team_id: UUID, body: NewDelegation, user: BearerUser, parts: PartsDep) -> DelegationOut:
    """Lets somebody of the team decide for the user, who may decide. Gives no role: they need one of their own."""
    async with parts.writing(user.user_id) as session:
        row = await delegations.give(
            session, user.user_id, team_id, body.to, body.starts_at or utc_now(), body.ends_at, body.workflows
        )
    return _delegation(row)


@router.post("/delegations/{delegation_id}/end", status_code=204)
async def end_delegation(delegation_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """Ends one that the user gave, at once. Approvals by it that nothing was sent for count no more."""
    async with parts.writing(user.user_id) as session:
        await delegations.end(session, user.user_id, delegation_id)


@router.get("/reminders")
async def list_waiting(user: BearerUser, parts: PartsDep) -> list[WaitingOut]:
    """What waits for the user, the longest-waiting first, and how often they were reminded of it."""
    async with parts.reading(user.user_id) as session:
        return [WaitingOut(**card._asdict(), link=card.link) for card in await reminders.waiting(session, user.user_id)]


@router.get("/reminders/settings")
async def reminder_settings(user: BearerUser, parts: PartsDep) -> ReminderTermsOut:
    """When the user wants to be reminded of a card that waits."""
    async with parts.reading(user.user_id) as session:
        return ReminderTermsOut(**(await reminders.terms_of(session, user.user_id)).model_dump())


@router.put("/reminders/settings")
async def set_reminders(body: ReminderTermsIn, user: BearerUser, parts: PartsDep) -> ReminderTermsOut:
    """Sets it. A reminder shows in the inbox and in the feed; it decides nothing."""
    terms = away.checked_terms(body.model_dump())
    async with parts.writing(user.user_id) as session:
        await reminders.set_terms(session, user.user_id, terms)
    return ReminderTermsOut(**terms.model_dump())


@router.get("/escalations")
async def list_escalated(user: BearerUser, parts: PartsDep) -> list[EscalatedOut]:
    """Cards of others that were put before the user because nobody decided, and wait for them."""
    async with parts.reading(user.user_id) as session:
        return [EscalatedOut(**one._asdict(), link=one.link) for one in await escalations.to_me(session)]


@router.get("/workflows/{workflow_id}/escalation")
async def get_escalation(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> EscalationOut | None:
    """After how long a card of the workflow is put before whom; null for never."""
    async with parts.reading(user.user_id) as session:
        return _rule(await escalations.rule_of(session, user.user_id, workflow_id))


@router.put("/workflows/{workflow_id}/escalation")
async def set_escalation(
    workflow_id: UUID, body: EscalationIn, user: BearerUser, parts: PartsDep
) -> EscalationOut | None:
    """Sets it, for a workflow of one's own that is shared with a team. Whom it names may decide on it anyway."""
    if (body.to_id is None) == (body.to_role is None):
        raise InvalidInput("to_id, to_role: name one of the two")
    to = body.to_id if body.to_id is not None else body.to_role
    assert to is not None
    async with parts.writing(user.user_id) as session:
        await escalations.set_rule(session, user.user_id, workflow_id, body.after_hours, to=to)
        return _rule(await escalations.rule_of(session, user.user_id, workflow_id))


@router.delete("/workflows/{workflow_id}/escalation", status_code=204)
async def remove_escalation(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> None:
    """No card of the workflow is put before anybody from now on. Repeating it changes nothing."""
    async with parts.writing(user.user_id) as session:
        await escalations.remove_rule(session, user.user_id, workflow_id)
