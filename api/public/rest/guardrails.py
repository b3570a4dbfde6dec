"""Guardrails and the trust ladder of a workflow: write, confirm, look back, graduate, take back, review."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from activities.looking_back import past
from api.public import guarding
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Given, Told
from api.public.reviewing import reviewed
from coco.errors import InvalidInput
from coco.findings import study
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.export import compiled_json
from coco.guardrails.proposer import MARK
from coco.trust import Eligibility, LeaseTerms, ReviewVerdict
from store import guardrails, model_calls, trust, workflows
from store.tables import GuardrailRow, Lease

router = APIRouter(tags=["guardrails"])

Sentence = Annotated[str, Field(min_length=1, max_length=guardrails.MAX_SENTENCE)]


class SentenceIn(Given):
    sentence: Sentence
    guardrail_id: UUID | None = None
    """The guardrail of which this is the next version; none for a new one."""


class ExampleOut(Told):
    id: str
    covered: bool
    why: str


class PreviewOut(Told):
    compiled: dict[str, Any]
    """As `coco guardrail compile --json` prints it; refused sentences carry `problems`."""
    findings: dict[str, Any] | None
    examples: list[ExampleOut]
    """From the workflow's own records, those nearest to the line first."""
    backtest: BacktestOut | None


class GuardrailOut(Told):
    id: UUID
    version: int
    workflow_id: UUID
    sentence: str
    reading: str
    predicate: str
    mode: str
    shown: dict[str, Any]
    proposed_by: str | None
    """The model that proposed it; None where it was compiled from its owner's own words."""
    mark: str | None
    """What stands wherever such a rule is shown."""
    state: str
    created_at: datetime
    confirmed_at: datetime | None
    retired_at: datetime | None


class ConfirmIn(Given):
    reading: Annotated[str, Field(max_length=10_000)]
    """The reading as it was shown: what is confirmed is the reading."""
    compared: bool = False
    """That what a model proposed was compared with what was written; needed where one proposed it."""


class DisagreementOut(Told):
    action_id: UUID
    summary: str
    decision: str
    ran_alone: bool
    why: str


class BacktestOut(Told):
    summary: str
    decided: int
    agreed: int
    covered: int
    held: int
    disagreements: list[DisagreementOut]


class LeaseOut(Told):
    id: UUID
    granted_at: datetime
    expires_at: datetime
    actions_budget: int
    actions_used: int
    credits_budget: int
    credits_used: int
    state: str
    ended_at: datetime | None
    ended_reason: str


class TrustOut(Told):
    trust_level: str
    eligibility: Eligibility
    backtest: BacktestOut
    lease: LeaseOut | None
    runs_needed: int
    review_percent: int
    reserved_operations: list[str]
    asks_model: bool
    """Whether it was given a connection to a language model."""
    model_text_alone: bool
    """Whether what a language model may have written runs alone where a guardrail covers it."""
    to_review: list[UUID]
    """Actions that ran alone and wait for the owner's word."""


class TrustSettingsIn(Given):
    runs_needed: Annotated[int, Field(ge=1, le=100)] = 3
    review_percent: Annotated[int, Field(ge=0, le=100)] = 20
    reserved_operations: Annotated[list[Annotated[str, Field(max_length=80)]], Field(max_length=50)] = []
    model_text_alone: bool = False


class GraduateIn(Given):
    days: Annotated[float, Field(gt=0, le=365)] = 30.0
    actions: Annotated[int, Field(ge=1, le=100_000)] = 100
    credits: Annotated[int, Field(ge=0, le=10_000_000)] = 500


class TakeBackIn(Given):
    reason: Annotated[str, Field(max_length=2000)] = ""


class TakenBackOut(Told):
    taken_back: bool
    """False where the workflow was at approve-each already."""


class ReviewedOut(TakenBackOut):
    undo_run_id: UUID | None
    """The run in which what takes the action back waits for approval."""


class ReviewIn(Given):
    verdict: Literal["ok", "reject", "undo"]
    reason: Annotated[str, Field(max_length=2000)] = ""


class NoticeOut(Told):
    action_id: UUID
    not_before: datetime
    seen_at: datetime | None
    run_when_offline: bool


@router.post("/workflows/{workflow_id}/guardrails/preview")
async def preview_guardrail(workflow_id: UUID, body: SentenceIn, user: BearerUser, parts: PartsDep) -> PreviewOut:
    """What a sentence compiles to, what analysis finds, and how it fits past decisions. Stores nothing."""
    catalogue = default_catalogue()
    compiled = await asyncio.to_thread(compile_sentence, body.sentence)
    async with parts.reading(user.user_id) as session:
        await workflows.get(session, user.user_id, workflow_id)
        before, others = await guarding.around(session, user.user_id, workflow_id, body.guardrail_id)
        history = await past(session, user.user_id, workflow_id, catalogue)
    if compiled.form is None:
        return PreviewOut(compiled=compiled_json(compiled), findings=None, examples=[], backtest=None)
    form = compiled.form
    covered, held = await guarding.examples(history, form)
    return PreviewOut(
        compiled=compiled_json(compiled),
        findings=await asyncio.to_thread(study, compiled, before, others, catalogue),
        examples=[
            ExampleOut(id=one.action.id, covered=one.verdict.covered, why=one.verdict.why) for one in (*covered, *held)
        ],
        backtest=_backtest(await guarding.over(history, [(compiled.reading, form)])),
    )


@router.get("/workflows/{workflow_id}/guardrails")
async def list_guardrails(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> list[GuardrailOut]:
    """Every version of every guardrail of the workflow."""
    async with parts.reading(user.user_id) as session:
        return [_out(row) for row in await guardrails.listed(session, user.user_id, workflow_id)]


@router.post("/workflows/{workflow_id}/guardrails", status_code=201)
async def propose_guardrail(workflow_id: UUID, body: SentenceIn, user: BearerUser, parts: PartsDep) -> GuardrailOut:
    """Stores a sentence with what it compiled to. It covers nothing until its reading is confirmed."""
    compiled, row = await guarding.proposed(parts, user.user_id, workflow_id, body.sentence, body.guardrail_id)
    if row is None:
        told = "; ".join(problem.message for problem in compiled.problems)
        raise InvalidInput(f"The sentence was refused: {told}")
    return _out(row)


@router.post("/guardrails/{guardrail_id}/versions/{version}/confirm")
async def confirm_guardrail(
    guardrail_id: UUID, version: guarding.Version, body: ConfirmIn, user: BearerUser, parts: PartsDep
) -> GuardrailOut:
    """Confirms the reading as it was shown: this version is in force from now on."""
    return _out(
        await guarding.confirmed(parts, user.user_id, guardrail_id, version, body.reading, compared=body.compared)
    )


@router.post("/guardrails/{guardrail_id}/retire")
async def retire_guardrail(guardrail_id: UUID, user: BearerUser, parts: PartsDep) -> list[GuardrailOut]:
    """No version of it is in force any more; the versions that were are returned."""
    async with parts.writing(user.user_id) as session:
        return [_out(row) for row in await guardrails.retire(session, user.user_id, guardrail_id)]


@router.get("/workflows/{workflow_id}/trust")
async def get_trust(workflow_id: UUID, user: BearerUser, parts: PartsDep) -> TrustOut:
    """Where the workflow stands on the ladder, with the backtest of its confirmed guardrails."""
    async with parts.reading(user.user_id) as session:
        return await _trust(session, user.user_id, workflow_id)


@router.post("/workflows/{workflow_id}/trust/settings")
async def change_trust_settings(
    workflow_id: UUID, body: TrustSettingsIn, user: BearerUser, parts: PartsDep
) -> TrustOut:
    """Replaces how the workflow may be trusted. A reserved operation always waits for a person, and so does what a
    language model may have written, unless `model_text_alone` says otherwise; saying so takes the workflow back.

    An operation that none of its connections has is refused."""
    async with parts.writing(user.user_id) as session:
        reserved = await guarding.reservable(session, user.user_id, workflow_id, body.reserved_operations)
        await trust.change_settings(
            session,
            user.user_id,
            workflow_id,
            runs_needed=body.runs_needed,
            review_percent=body.review_percent,
            reserved_operations=reserved,
            model_text_alone=body.model_text_alone,
        )
    async with parts.reading(user.user_id) as session:
        return await _trust(session, user.user_id, workflow_id)


@router.post("/workflows/{workflow_id}/graduate")
async def graduate_workflow(workflow_id: UUID, body: GraduateIn, user: BearerUser, parts: PartsDep) -> TrustOut:
    """Lets the workflow run inside its confirmed guardrails, for this time and these budgets."""
    terms = LeaseTerms(days=body.days, actions=body.actions, credits=body.credits)
    await guarding.graduated(parts, user.user_id, workflow_id, terms)
    async with parts.reading(user.user_id) as session:
        return await _trust(session, user.user_id, workflow_id)


@router.post("/workflows/{workflow_id}/take-back")
async def take_workflow_back(workflow_id: UUID, body: TakeBackIn, user: BearerUser, parts: PartsDep) -> TakenBackOut:
    """Back to approve-each, at once, also for runs in flight."""
    reason = body.reason.strip() or "Its owner took it back."
    async with parts.writing(user.user_id) as session:
        await workflows.get(session, user.user_id, workflow_id)
        done = await trust.take_back(session, user.user_id, workflow_id, reason, actor=f"user:{user.user_id}")
    return TakenBackOut(taken_back=done)


@router.post("/actions/{action_id}/review")
async def review_action(action_id: UUID, body: ReviewIn, user: BearerUser, parts: PartsDep) -> ReviewedOut:
    """Says afterwards of an action that ran alone whether it should have; anything but `ok` takes the workflow back.

    `undo` proposes what takes the action back, in a run of its own, which waits for approval."""
    done = await reviewed(parts, user.user_id, action_id, ReviewVerdict(body.verdict), body.reason)
    return ReviewedOut(taken_back=done.taken_back, undo_run_id=done.undo_run_id)


@router.post("/actions/{action_id}/notice/seen")
async def notice_seen(action_id: UUID, user: BearerUser, parts: PartsDep) -> NoticeOut:
    """The owner saw that the action will run, and lets it stand; to stop it, reject it."""
    async with parts.writing(user.user_id) as session:
        row = await trust.seen(session, user.user_id, action_id)
        return NoticeOut(**row.model_dump(include={"action_id", "not_before", "seen_at", "run_when_offline"}))


async def _trust(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> TrustOut:
    workflow = await workflows.get(session, user_id, workflow_id)
    settings = await trust.settings_of(session, user_id, workflow_id)
    rules = await trust.confirmed(session, user_id, workflow_id)
    looked = await guarding.looked(session, user_id, workflow_id, rules)
    lease = await trust.active_lease(session, user_id, workflow_id)
    return TrustOut(
        trust_level=workflow.trust_level,
        eligibility=await trust.standing(session, user_id, workflow_id),
        backtest=_backtest(looked),
        lease=_lease(lease) if lease else None,
        runs_needed=settings.runs_needed,
        review_percent=settings.review_percent,
        reserved_operations=settings.reserved_operations,
        asks_model=await model_calls.may_ask(session, workflow),
        model_text_alone=settings.model_text_alone,
        to_review=[row.id for row in await trust.to_review(session, user_id, workflow_id)],
    )


def _backtest(looked: guarding.Looked) -> BacktestOut:
    found = looked.backtest
    return BacktestOut(
        summary=found.summary,
        decided=found.decided,
        agreed=found.agreed,
        covered=found.covered,
        held=found.held,
        disagreements=[
            DisagreementOut(
                action_id=UUID(one.id),
                summary=looked.decided[one.id].summary,
                decision=one.decision,
                ran_alone=one.ran_alone,
                why=one.why,
            )
            for one in found.disagreements
        ],
    )


def _out(row: GuardrailRow) -> GuardrailOut:
    mark = MARK if row.proposed_by else None
    return GuardrailOut(**row.model_dump(exclude={"user_id", "form"}), mode=row.form["mode"], mark=mark)


def _lease(row: Lease) -> LeaseOut:
    return LeaseOut(**row.model_dump(exclude={"user_id", "workflow_id", "profile"}))


PreviewOut.model_rebuild()
