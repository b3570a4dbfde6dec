"""Runs: start, list, the whole card, cancel; questions."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query
from pydantic import Field

from api.public import deciding
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Digest, Given, Limit, Told
from coco.decisions import Verdict
from store import views

router = APIRouter(tags=["runs"])

RunState = Literal[
    "starting",
    "planning",
    "asking",
    "waiting",
    "working",
    "attention",
    "paused",
    "needs_reconnection",
    "done",
    "cancelled",
    "failed",
]


class NewRun(Given):
    workflow_id: UUID
    goal: Annotated[str, Field(max_length=500)] = ""


class Answer(Given):
    text: Annotated[str, Field(min_length=1, max_length=500)]


class BatchItem(Given):
    action_id: UUID
    digest: Digest
    verdict: Literal["approve", "reject"]
    reason: Annotated[str, Field(max_length=2000)] = ""


class Batch(Given):
    decisions: Annotated[list[BatchItem], Field(min_length=1, max_length=200)]


class ItemError(Told):
    code: str
    message: str


class BatchItemOut(Told):
    action_id: UUID
    ok: bool
    state: str | None
    """How the action stands after the decision; null where nothing was changed."""
    error: ItemError | None


class BatchOut(Told):
    """One result per decision, in the order given."""

    results: list[BatchItemOut]


@router.post("/runs", status_code=201)
async def start_run(
    body: NewRun,
    user: BearerUser,
    parts: PartsDep,
    idempotency_key: Annotated[
        str | None, Header(max_length=200, description="The same key gives the same run, however often it is sent.")
    ] = None,
) -> views.RunView:
    """Starts a run of a workflow."""
    return await deciding.start(parts, user.user_id, body.workflow_id, body.goal, idempotency_key)


@router.get("/runs")
async def list_runs(
    user: BearerUser,
    parts: PartsDep,
    state: Annotated[RunState | None, Query()] = None,
    workflow_id: Annotated[UUID | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[views.RunView]:
    """The user's runs, newest first."""
    async with parts.reading(user.user_id) as session:
        return await views.runs(session, user.user_id, state=state, workflow_id=workflow_id, cursor=cursor, limit=limit)


@router.get("/runs/{run_id}")
async def get_run(run_id: UUID, user: BearerUser, parts: PartsDep) -> views.CardView:
    """The whole card: plan, questions with answers, actions with how they stand, and earlier versions of them."""
    async with parts.reading(user.user_id) as session:
        return await views.card(session, user.user_id, run_id)


@router.post("/runs/{run_id}/cancel")
async def cancel_run(run_id: UUID, user: BearerUser, parts: PartsDep) -> views.RunView:
    """Cancels a run with its open approvals. What is already on its way is recorded."""
    return await deciding.cancel(parts, user.user_id, run_id)


@router.post("/runs/{run_id}/pause")
async def pause_run(run_id: UUID, user: BearerUser, parts: PartsDep) -> views.RunView:
    """None of its actions begins from now on; what is on its way is seen through. Repeating it changes nothing."""
    return await deciding.pause(parts, user.user_id, run_id)


@router.post("/runs/{run_id}/resume")
async def resume_run(run_id: UUID, user: BearerUser, parts: PartsDep) -> views.RunView:
    """It goes on where it was. Repeating it changes nothing."""
    return await deciding.resume(parts, user.user_id, run_id)


@router.post("/runs/{run_id}/decisions")
async def decide_on_card(run_id: UUID, body: Batch, user: BearerUser, parts: PartsDep) -> BatchOut:
    """Decides on several actions of one card, each for itself: the answer is 200 with one result per decision."""
    wanted = [
        deciding.Wanted(item.action_id, item.digest, Verdict(item.verdict), item.reason) for item in body.decisions
    ]
    results = await deciding.decide_each(parts, user.user_id, run_id, wanted)
    return BatchOut(
        results=[
            BatchItemOut(
                action_id=item.action_id,
                ok=item.error is None,
                state=item.state,
                error=ItemError(code=item.error.code.value, message=item.error.message) if item.error else None,
            )
            for item in results
        ]
    )


@router.post("/questions/{question_id}/answer")
async def answer_question(question_id: UUID, body: Answer, user: BearerUser, parts: PartsDep) -> views.QuestionView:
    """Answers a clarifying question; the run plans again with it."""
    return await deciding.answer(parts, user.user_id, question_id, body.text)
