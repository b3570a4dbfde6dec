"""The inbox, the list of runs and the card: what waits for a person, and the decisions on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query, Request
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public import deciding, reviewing, team_deciding
from api.public.away import stand_ins
from api.public.pages import wording
from api.public.pages.alone import Alone, alone, work
from api.public.pages.render import SHOWN_IN_INBOX, own_page
from api.public.pages.typed import NOTHING, Typed
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.parts import Parts
from coco.actions import ActionState
from coco.decisions import Verdict
from coco.errors import CocoError, InvalidInput
from coco.trust import LeaseTerms
from store import approvals, connections, escalations, reminders, views, ways_back
from store.connections import is_old_key
from store.tables import utc_now

router = APIRouter(include_in_schema=False)


async def inbox_page(
    request: Request, visitor: Visitor, *, status: int = 200, problem: str = "", typed: Typed = NOTHING
) -> HTMLResponse:
    """The inbox, with what went wrong where something did, and the input kept."""
    async with visitor.parts.reading(visitor.user_id) as session:
        groups = await views.inbox(session, visitor.user_id)
        autonomy: dict[UUID, Alone] = {}
        for group in groups:
            autonomy |= await alone(session, visitor.user_id, group.run.workflow_id, group.actions[:SHOWN_IN_INBOX])
        done = await work(session, visitor.user_id)
        keys_due = [row for row in await connections.listed(session, visitor.user_id) if is_old_key(row, utc_now())]
        for action in done.reviews:
            autonomy |= await alone(session, visitor.user_id, done.workflows[action.id].id, [action])
        waits = {card.run_id: card for card in await reminders.waiting(session, visitor.user_id)}
        escalated = {one.run_id: one for one in await escalations.to_me(session)}
    of_others = await team_deciding.waiting(visitor.parts, visitor.user_id)
    # What was put before the visitor, because nobody decided, comes first.
    of_others.sort(key=lambda group: group.run.id not in escalated)
    return await own_page(
        request,
        visitor,
        "inbox.html",
        here="inbox",
        status=status,
        problem=problem,
        groups=groups,
        of_others=of_others,
        waits=waits,
        escalated=escalated,
        stand_ins=await stand_ins(visitor.parts, visitor.user_id),
        autonomy=autonomy,
        work=done,
        keys_due=keys_due,
        terms=LeaseTerms(),
        typed=typed,
        feed="all",
    )


async def card_page(
    request: Request, visitor: Visitor, run_id: UUID, *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    """A run's card, with what went wrong where something did. Raises NotFound."""
    async with visitor.parts.reading(visitor.user_id) as session:
        card = await views.card(session, visitor.user_id, run_id)
        activity = await views.activity(session, visitor.user_id, run_id=run_id, limit=20)
        called = await approvals.called(session, wording.decided(activity.items))
        autonomy = await alone(session, visitor.user_id, card.run.workflow_id, card.actions)
        ways = await ways_back.of_run(session, visitor.user_id, run_id, reviewing.BUILDERS) if card.run.is_over else []
        waits = [] if card.run.is_over else await reminders.waiting(session, visitor.user_id)
        put_before = await escalations.of_run(session, visitor.user_id, run_id)
    return await own_page(
        request,
        visitor,
        "card.html",
        here="runs",
        status=status,
        problem=problem,
        card=card,
        pending=[item for item in card.actions if item.state is ActionState.PENDING and _my_yes_counts(item)],
        activity=activity,
        called=called,
        autonomy=autonomy,
        ways=ways,
        waits=next((one for one in waits if one.run_id == run_id), None),
        put_before=put_before,
        temporal=visitor.temporal_link(run_id),
        feed=str(run_id),
    )


def _my_yes_counts(action: views.ActionView) -> bool:
    return action.approval is None or action.approval.counts


async def _back(request: Request, visitor: Visitor, form: FormData, run_id: UUID, anchor: str) -> Response:
    """To the page the form was on."""
    if text_of(form, "back") == "inbox":
        return RedirectResponse("/", status_code=303)
    return RedirectResponse(f"/runs/{run_id}#{anchor}", status_code=303)


async def _refused(
    request: Request, visitor: Visitor, form: FormData, error: CocoError, run_id: UUID | None
) -> Response:
    """The page as it stands now, saying what was not done and why."""
    status = status_of(error)
    if text_of(form, "back") == "inbox" or run_id is None:
        return await inbox_page(request, visitor, status=status, problem=error.message)
    return await card_page(request, visitor, run_id, status=status, problem=error.message)


@router.get("/")
async def inbox(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """What waits for the visitor."""
    return await inbox_page(request, visitor)


@router.get("/runs")
async def runs_list(
    request: Request, visitor: VisitorDep, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> HTMLResponse:
    """All runs, newest first."""
    async with visitor.parts.reading(visitor.user_id) as session:
        found = await views.runs(session, visitor.user_id, cursor=cursor, limit=30)
    return await own_page(request, visitor, "runs.html", here="runs", runs=found, first=cursor is None, feed="all")


@router.get("/runs/{run_id}")
async def card(request: Request, run_id: UUID, visitor: VisitorDep) -> HTMLResponse:
    """A run's card."""
    return await card_page(request, visitor, run_id)


@router.post("/runs/{run_id}/cancel")
async def cancel(request: Request, run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Cancels the run with its open approvals."""
    return await _changed(request, visitor, form, run_id, deciding.cancel)


@router.post("/runs/{run_id}/pause")
async def pause(request: Request, run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """None of its actions begins from now on."""
    return await _changed(request, visitor, form, run_id, deciding.pause)


@router.post("/runs/{run_id}/resume")
async def resume(request: Request, run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """It goes on where it was."""
    return await _changed(request, visitor, form, run_id, deciding.resume)


async def _changed(
    request: Request,
    visitor: Visitor,
    form: FormData,
    run_id: UUID,
    change: Callable[[Parts, UUID, UUID], Awaitable[views.RunView]],
) -> Response:
    try:
        await change(visitor.parts, visitor.user_id, run_id)
    except CocoError as error:
        return await _refused(request, visitor, form, error, run_id)
    return await _back(request, visitor, form, run_id, "top")


@router.post("/runs/{run_id}/revert")
async def revert(request: Request, run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Proposes what takes back all that the run did, and leads to that card."""
    try:
        reverting = await reviewing.revert(visitor.parts, visitor.user_id, run_id)
    except CocoError as error:
        return await _refused(request, visitor, form, error, run_id)
    return RedirectResponse(f"/runs/{reverting}", status_code=303)


@router.post("/runs/{run_id}/approve-all")
async def approve_all(request: Request, run_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Approves every action that the page showed, each by its digest."""
    wanted = []
    for item in form.getlist("item"):
        action_id, _, digest = str(item).partition(":")
        try:
            wanted.append(deciding.Wanted(UUID(action_id), digest, Verdict.APPROVE))
        except ValueError as error:
            raise InvalidInput("item: an action and its digest") from error
    results = await deciding.decide_each(visitor.parts, visitor.user_id, run_id, wanted)
    failures = [item.error for item in results if item.error is not None]
    if failures:
        done = len(results) - len(failures)
        reasons = " ".join(sorted({error.message for error in failures}))
        problem = f"{done} approved, {len(failures)} not. {reasons}"
        return await card_page(request, visitor, run_id, status=409, problem=problem)
    return await _back(request, visitor, form, run_id, "actions")


@router.post("/actions/{action_id}/decide")
async def decide(request: Request, action_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Approves, rejects or settles the action that the page showed."""
    async with visitor.parts.reading(visitor.user_id) as session:
        run_id = (await views.action(session, visitor.user_id, action_id)).run_id
    try:
        verdict = Verdict(text_of(form, "verdict"))
    except ValueError as error:
        raise InvalidInput("verdict: approve, reject, happened or did_not_happen") from error
    try:
        await deciding.decide(
            visitor.parts, visitor.user_id, action_id, verdict, text_of(form, "digest"), text_of(form, "reason")
        )
    except CocoError as error:
        return await _refused(request, visitor, form, error, run_id)
    return await _back(request, visitor, form, run_id, f"action-{action_id}")


@router.post("/questions/{question_id}/answer")
async def answer(request: Request, question_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Answers a question."""
    async with visitor.parts.reading(visitor.user_id) as session:
        run_id = (await views.question(session, visitor.user_id, question_id)).run_id
    try:
        await deciding.answer(visitor.parts, visitor.user_id, question_id, text_of(form, "text"))
    except CocoError as error:
        return await _refused(request, visitor, form, error, run_id)
    return await _back(request, visitor, form, run_id, f"question-{question_id}")


@router.post("/workflows/{workflow_id}/runs")
async def start(request: Request, workflow_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Starts a run; the form's key makes a double click one run."""
    key = text_of(form, "key") or str(uuid4())
    run = await deciding.start(visitor.parts, visitor.user_id, workflow_id, text_of(form, "goal").strip(), key)
    return RedirectResponse(f"/runs/{run.id}", status_code=303)
