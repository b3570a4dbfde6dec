"""Taking back a whole run, and following what was sent: what could be, how it stands, and the proposal of it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from api.public import reviewing
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Told
from coco.plans import MessageDraft
from store import ways_back
from store.ways_back import Way

router = APIRouter(tags=["runs"])


class WayOut(Told):
    """One action that took place, and what takes it back."""

    action_id: UUID
    summary: str
    stands: str
    """`open`: it can be proposed. `no_way_back`. Otherwise the state of the action that was proposed last to take it
    back, such as `pending`, `done` or `failed`."""
    can_be_proposed: bool
    """Whether taking it back can be proposed now: also again, after a proposal that came to nothing."""
    operation: str | None
    """Of the action that takes it back."""
    why_not: str
    """Why nothing takes it back; empty where something does."""
    note: str
    """What taking it back does not bring back."""
    follow_up: MessageDraft | None
    """For a message that was sent: a draft that puts it right. Nothing sends it."""
    run_id: UUID | None
    """The run in which it is taken back."""
    taken_back_by: UUID | None
    """The action there."""
    followed_in: UUID | None
    """The run with the message that follows it."""


class RevertOut(Told):
    """Every action of the run that took place, the newest first."""

    taken_back: int
    """How many of them are taken back for certain."""
    items: list[WayOut]


class RevertingOut(Told):
    """The run that takes the other back, or follows what was sent. Its actions wait for approval, and nothing has
    changed yet."""

    run_id: UUID


@router.get("/runs/{run_id}/revert")
async def see_revert(run_id: UUID, user: BearerUser, parts: PartsDep) -> RevertOut:
    """What can be taken back of what a run did, and how the taking back stands."""
    async with parts.reading(user.user_id) as session:
        found = await ways_back.of_run(session, user.user_id, run_id, reviewing.BUILDERS)
    return RevertOut(taken_back=sum(way.stands == "done" for way in found), items=[_told(way) for way in found])


@router.post("/runs/{run_id}/revert", status_code=201)
async def revert(run_id: UUID, user: BearerUser, parts: PartsDep) -> RevertingOut:
    """Proposes what takes back all that a finished run did, the newest first, on one card. What was sent stays sent."""
    return RevertingOut(run_id=await reviewing.revert(parts, user.user_id, run_id))


@router.post("/actions/{action_id}/follow-up", status_code=201)
async def follow_up(action_id: UUID, user: BearerUser, parts: PartsDep) -> RevertingOut:
    """Drafts one more message to the people that one was sent to. It waits: nothing sends it without an approval."""
    return RevertingOut(run_id=await reviewing.follow_up(parts, user.user_id, action_id))


def _told(way: Way) -> WayOut:
    back = way.back
    return WayOut(
        action_id=way.action.id,
        summary=way.action.body["preview"]["summary"],
        stands=way.stands,
        can_be_proposed=way.undo is not None,
        operation=way.undo.action.operation if way.undo else back.proposal.operation if back else None,
        why_not=way.why_not,
        note=way.undo.note if way.undo else "",
        follow_up=way.follow_up.draft if way.follow_up else None,
        run_id=back.run_id if back else None,
        taken_back_by=back.proposal.id if back else None,
        followed_in=way.followed.run_id if way.followed else None,
    )
