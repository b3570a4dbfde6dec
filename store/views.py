"""What pages and the REST API show: read queries, each for one user, none of which changes anything."""

from __future__ import annotations

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import Action, ActionState, Reversibility
from coco.approval_standing import ApprovalStanding, standing
from coco.credits import LedgerAccount, LedgerKind
from coco.errors import InvalidInput, NotFound
from coco.model_calls import ModelCall
from coco.plans import PlanCard
from store import approvals, model_calls, run_standing, undos
from store.run_standing import HeldBy, Progress
from store.runs import FINAL_RUN_STATES
from store.tables import (
    ActionRow,
    ApprovalRow,
    AuditRow,
    Connection,
    CreditAccount,
    DecisionRow,
    LedgerPosting,
    LedgerTransaction,
    QuestionRow,
    Run,
    SandboxRow,
    Wakeup,
    Workflow,
)

MAX_PAGE = 100
ATTENTION = (ActionState.PENDING.value, ActionState.OUTCOME_UNKNOWN.value)
"""Action states that wait for a person."""

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """One page of a list. Give `next` back as `cursor` for the following one; None at the end."""

    items: list[T]
    next: str | None = None


class DecisionView(BaseModel):
    """What a person said of an action."""

    verdict: str
    reason: str
    digest: str
    at: datetime
    by: UUID | None = None
    """Who of a team decided, where that was not whose action it is."""


class CostItem(BaseModel):
    item: str
    credits: int


class ThreeValues(BaseModel):
    """One field of a record that changed behind the card: what was shown, what is there now, what is proposed."""

    field: str
    shown: Any
    now: Any
    proposed: Any


class EarlierView(BaseModel):
    """The action that another takes back, or follows."""

    how: undos.UndoKind
    action_id: UUID
    run_id: UUID
    summary: str


class ActionView(BaseModel):
    """A proposed action with everything a person needs to decide on it."""

    id: UUID
    """Also the approval id."""
    run_id: UUID
    connection_id: UUID
    connection_title: str
    connection_state: str
    connector: str
    operation: str
    arguments: dict[str, Any]
    summary: str
    record: str
    before: dict[str, Any]
    after: dict[str, Any]
    body: str
    why: str
    reversibility: Reversibility
    credits: int
    digest: str
    """What an approval binds to; give it back when deciding."""
    key: str
    version: int
    supersedes: UUID | None
    origin: str
    drift: list[ThreeValues]
    earlier: EarlierView | None
    """What it takes back, or follows."""
    state: ActionState
    outcome: dict[str, Any] | None
    cost: list[CostItem]
    """What was debited, itemised; empty until it is done."""
    decision: DecisionView | None
    settlement: DecisionView | None
    approval: ApprovalStanding | None = None
    """How it stands with the approval rules, for whoever looks; none where one yes of its owner decides."""
    created_at: datetime
    updated_at: datetime


class QuestionView(BaseModel):
    id: UUID
    run_id: UUID
    key: str
    text: str
    options: list[str]
    answer: str | None
    asked_at: datetime
    answered_at: datetime | None


class RunView(BaseModel):
    """A run and where it stands."""

    id: UUID
    workflow_id: UUID
    workflow_title: str
    playbook: str
    goal: str
    state: str
    reason: str
    pending: int
    """Actions that wait for a decision or for settling, and questions that wait for an answer."""
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    cancel_requested_at: datetime | None
    paused_at: datetime | None = None
    requested_by: UUID | None = None
    """Who of a team started it, where that is not the person whose run it is."""
    progress: Progress = Progress()
    held_by: list[HeldBy] = []
    """Connections that hold it up; empty where none does."""

    @property
    def needs_reconnection(self) -> list[HeldBy]:
        return [item for item in self.held_by if item.state in {"needs_reconnection", "revoked"}]

    @property
    def can_pause(self) -> bool:
        return self.can_cancel and self.paused_at is None

    @property
    def can_resume(self) -> bool:
        return not self.is_over and self.paused_at is not None

    @property
    def is_over(self) -> bool:
        return self.state in FINAL_RUN_STATES

    @property
    def can_cancel(self) -> bool:
        return not self.is_over and self.cancel_requested_at is None


class CardView(BaseModel):
    """The whole plan card of a run."""

    run: RunView
    plan: PlanCard | None
    """None until the first plan was accepted."""
    questions: list[QuestionView]
    actions: list[ActionView]
    """The latest version of each, in the plan's order."""
    earlier: list[ActionView]
    """Versions that an edit or a drift has replaced, newest first."""
    model_calls: list[ModelCall]
    """What language models were asked and answered, as the gateway attests it, oldest first."""


class InboxGroup(BaseModel):
    """What one run waits for."""

    run: RunView
    actions: list[ActionView]
    questions: list[QuestionView]


class ActivityView(BaseModel):
    """One audit entry."""

    seq: int
    at: datetime
    kind: str
    actor: str
    run_id: UUID | None
    action_id: UUID | None
    body: dict[str, Any]
    hash: str


class LedgerView(BaseModel):
    id: UUID
    kind: str
    amount: int
    """What it did to the balance; 0 for what was only set aside or given back."""
    postings: dict[str, int]
    """By account (issued, available, reserved, used); they sum to zero."""
    ref: str
    items: list[CostItem]
    at: datetime


class BalanceView(BaseModel):
    balance: int
    reserved: int
    """Set aside for approved actions that are on their way."""

    @property
    def available(self) -> int:
        return self.balance - self.reserved


# -- runs ------------------------------------------------------------------------------------------------------------


async def runs(
    session: AsyncSession,
    user_id: UUID,
    *,
    state: str | None = None,
    workflow_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[RunView]:
    """A user's runs, newest first. Raises InvalidInput for a cursor that was not given out."""
    query = (
        select(Run, Workflow)
        .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
        .where(col(Run.user_id) == user_id)
        .order_by(col(Run.created_at).desc(), col(Run.id).desc())
        .limit(limit + 1)
    )
    if state is not None:
        query = query.where(col(Run.state) == state)
    if workflow_id is not None:
        query = query.where(col(Run.workflow_id) == workflow_id)
    if cursor is not None:
        moment, last = from_cursor(cursor)
        query = query.where(tuple_(col(Run.created_at), col(Run.id)) < (moment, last))
    found = (await session.execute(query)).all()
    views = await run_views(session, user_id, [(row[0], row[1]) for row in found[:limit]])
    more = len(found) > limit
    return Page(items=views, next=to_cursor(views[-1].created_at, views[-1].id) if more else None)


async def run(session: AsyncSession, user_id: UUID, run_id: UUID) -> RunView:
    """One run. Raises NotFound."""
    found = (
        await session.execute(
            select(Run, Workflow)
            .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
            .where(col(Run.id) == run_id, col(Run.user_id) == user_id)
        )
    ).first()
    if found is None:
        raise NotFound("There is no such run.")
    return (await run_views(session, user_id, [(found[0], found[1])]))[0]


async def card(session: AsyncSession, user_id: UUID, run_id: UUID) -> CardView:
    """The whole card of one run. Raises NotFound."""
    view = await run(session, user_id, run_id)
    row = await session.get_one(Run, run_id)
    questions = await _questions(session, user_id, [run_id])
    rows = (
        await session.execute(
            select(ActionRow)
            .where(col(ActionRow.run_id) == run_id, col(ActionRow.user_id) == user_id)
            .order_by(col(ActionRow.position), col(ActionRow.key), col(ActionRow.version))
        )
    ).scalars()
    latest: dict[str, ActionRow] = {}
    earlier: list[ActionRow] = []
    for action in rows:
        if action.key in latest:
            earlier.append(latest[action.key])
        latest[action.key] = action
    views = await _action_views(session, user_id, [*latest.values(), *reversed(earlier)])
    return CardView(
        run=view,
        plan=PlanCard.model_validate(row.card) if row.card is not None else None,
        questions=questions,
        actions=views[: len(latest)],
        earlier=views[len(latest) :],
        model_calls=await model_calls.of_run(session, user_id, run_id),
    )


async def run_views(session: AsyncSession, user_id: UUID, pairs: list[tuple[Run, Workflow]]) -> list[RunView]:
    """One user's runs, each with its workflow, as they are shown; in the order given."""
    ids = [row.id for row, _ in pairs]
    waiting: dict[UUID, int] = defaultdict(int)
    counts = await session.execute(
        select(col(ActionRow.run_id), func.count())
        .where(col(ActionRow.run_id).in_(ids), col(ActionRow.state).in_(ATTENTION))
        .group_by(col(ActionRow.run_id))
    )
    for run_id, count in counts:
        waiting[run_id] += count
    open_questions = await session.execute(
        select(col(QuestionRow.run_id), func.count())
        .where(col(QuestionRow.run_id).in_(ids), col(QuestionRow.answer).is_(None))
        .group_by(col(QuestionRow.run_id))
    )
    for run_id, count in open_questions:
        waiting[run_id] += count
    come = await run_standing.progress(session, user_id, ids)
    held = await run_standing.held_by(session, user_id, pairs)
    return [
        RunView(
            id=row.id,
            workflow_id=row.workflow_id,
            workflow_title=workflow.title,
            playbook=workflow.playbook,
            goal=row.goal,
            state=row.state,
            reason=row.reason,
            pending=0 if row.state in FINAL_RUN_STATES else waiting[row.id],
            created_at=row.created_at,
            updated_at=row.updated_at,
            finished_at=row.finished_at,
            cancel_requested_at=row.cancel_requested_at,
            paused_at=row.paused_at,
            requested_by=row.requested_by,
            progress=come[row.id],
            held_by=held.get(row.id, []),
        )
        for row, workflow in pairs
    ]


# -- the inbox -------------------------------------------------------------------------------------------------------


async def inbox(session: AsyncSession, user_id: UUID) -> list[InboxGroup]:
    """Everything that waits for this person, by run, oldest run first."""
    actions = list(
        (
            await session.execute(
                select(ActionRow)
                .where(col(ActionRow.user_id) == user_id, col(ActionRow.state).in_(ATTENTION))
                .order_by(col(ActionRow.position), col(ActionRow.key))
            )
        ).scalars()
    )
    asking = await session.execute(
        select(col(QuestionRow.run_id))
        .join(Run, col(Run.id) == col(QuestionRow.run_id))
        .where(col(QuestionRow.user_id) == user_id, col(QuestionRow.answer).is_(None))
        .where(col(Run.state).not_in(FINAL_RUN_STATES), col(Run.cancel_requested_at).is_(None))
    )
    broken = await session.execute(
        select(col(Run.id)).where(
            col(Run.user_id) == user_id,
            col(Run.state) == "needs_reconnection",
            col(Run.cancel_requested_at).is_(None),
        )
    )
    run_ids = {action.run_id for action in actions} | set(asking.scalars()) | set(broken.scalars())
    pairs = (
        await session.execute(
            select(Run, Workflow)
            .join(Workflow, col(Workflow.id) == col(Run.workflow_id))
            .where(col(Run.id).in_(run_ids), col(Run.user_id) == user_id)
            .order_by(col(Run.created_at), col(Run.id))
        )
    ).all()
    views = await _action_views(session, user_id, actions)
    questions = [item for item in await _questions(session, user_id, run_ids) if item.answer is None]
    return [
        InboxGroup(
            run=view,
            actions=[item for item in views if item.run_id == view.id],
            questions=[] if view.is_over else [item for item in questions if item.run_id == view.id],
        )
        for view in await run_views(session, user_id, [(row[0], row[1]) for row in pairs])
    ]


async def waiting_count(session: AsyncSession, user_id: UUID) -> int:
    """How many things wait for this person; what they approved and others have not does not."""
    said = select(ApprovalRow).where(
        col(ApprovalRow.action_id) == col(ActionRow.id),
        col(ApprovalRow.digest) == col(ActionRow.digest),
        col(ApprovalRow.person_id) == user_id,
    )
    actions = await session.execute(
        select(func.count())
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state).in_(ATTENTION))
        .where((col(ActionRow.state) != ActionState.PENDING.value) | ~said.exists())
    )
    questions = await session.execute(
        select(func.count())
        .select_from(QuestionRow)
        .join(Run, col(Run.id) == col(QuestionRow.run_id))
        .where(col(QuestionRow.user_id) == user_id, col(QuestionRow.answer).is_(None))
        .where(col(Run.state).not_in(FINAL_RUN_STATES), col(Run.cancel_requested_at).is_(None))
    )
    broken = await session.execute(
        select(func.count()).where(
            col(Run.user_id) == user_id,
            col(Run.state) == "needs_reconnection",
            col(Run.cancel_requested_at).is_(None),
        )
    )
    return int(actions.scalar_one()) + int(questions.scalar_one()) + int(broken.scalar_one())


# -- actions and questions -------------------------------------------------------------------------------------------


async def actions(
    session: AsyncSession,
    user_id: UUID,
    *,
    states: Sequence[str] = ATTENTION,
    run_id: UUID | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[ActionView]:
    """A user's actions in some states, oldest first. Raises InvalidInput for a cursor that was not given out."""
    query = (
        select(ActionRow)
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state).in_(states))
        .order_by(col(ActionRow.created_at), col(ActionRow.id))
        .limit(limit + 1)
    )
    if run_id is not None:
        query = query.where(col(ActionRow.run_id) == run_id)
    if cursor is not None:
        moment, last = from_cursor(cursor)
        query = query.where(tuple_(col(ActionRow.created_at), col(ActionRow.id)) > (moment, last))
    rows = list((await session.execute(query)).scalars())
    views = await _action_views(session, user_id, rows[:limit])
    return Page(items=views, next=to_cursor(views[-1].created_at, views[-1].id) if len(rows) > limit else None)


async def action(session: AsyncSession, user_id: UUID, action_id: UUID) -> ActionView:
    """One action. Raises NotFound."""
    row = (
        await session.execute(
            select(ActionRow).where(col(ActionRow.id) == action_id, col(ActionRow.user_id) == user_id)
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no such action.")
    return (await _action_views(session, user_id, [row]))[0]


async def some_actions(session: AsyncSession, user_id: UUID, action_ids: Iterable[UUID]) -> list[ActionView]:
    """Some actions of one person that the session sees, in their plan's order."""
    rows = await session.execute(
        select(ActionRow)
        .where(col(ActionRow.id).in_(list(action_ids)), col(ActionRow.user_id) == user_id)
        .order_by(col(ActionRow.position), col(ActionRow.key))
    )
    return await _action_views(session, user_id, list(rows.scalars()))


async def question(session: AsyncSession, user_id: UUID, question_id: UUID) -> QuestionView:
    """One question. Raises NotFound."""
    row = (
        await session.execute(
            select(QuestionRow).where(col(QuestionRow.id) == question_id, col(QuestionRow.user_id) == user_id)
        )
    ).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no such question.")
    return QuestionView(**row.model_dump(exclude={"user_id"}))


async def _questions(session: AsyncSession, user_id: UUID, run_ids: Iterable[UUID]) -> list[QuestionView]:
    rows = await session.execute(
        select(QuestionRow)
        .where(col(QuestionRow.user_id) == user_id, col(QuestionRow.run_id).in_(list(run_ids)))
        .order_by(col(QuestionRow.asked_at), col(QuestionRow.key))
    )
    return [QuestionView(**row.model_dump(exclude={"user_id"})) for row in rows.scalars()]


async def _action_views(session: AsyncSession, user_id: UUID, rows: list[ActionRow]) -> list[ActionView]:
    ids = [row.id for row in rows]
    decided = (
        await session.execute(
            select(DecisionRow).where(col(DecisionRow.user_id) == user_id, col(DecisionRow.action_id).in_(ids))
        )
    ).scalars()
    by_stage = {(item.action_id, item.stage): _decision(item) for item in decided}
    debits = (
        await session.execute(
            select(LedgerTransaction)
            .where(col(LedgerTransaction.user_id) == user_id, col(LedgerTransaction.kind) == LedgerKind.SETTLE.value)
            .where(col(LedgerTransaction.ref).in_([str(item) for item in ids]))
        )
    ).scalars()
    costs = {item.ref: [CostItem.model_validate(part) for part in item.items] for item in debits}
    before = {
        action_id: EarlierView(how=how, action_id=row.id, run_id=row.run_id, summary=row.body["preview"]["summary"])
        for action_id, (how, row) in (await undos.earlier(session, user_id, rows)).items()
    }
    ruled = await approvals.facts(session, ids)
    connections = {
        item.id: item
        for item in (await session.execute(select(Connection).where(col(Connection.user_id) == user_id))).scalars()
    }
    return [
        _action_view(
            row,
            connections[row.connection_id],
            by_stage.get((row.id, "gate")),
            by_stage.get((row.id, "settle")),
            costs.get(str(row.id), []),
            before.get(row.id),
            standing(ruled[row.id]) if row.id in ruled else None,
        )
        for row in rows
    ]


def _action_view(
    row: ActionRow,
    connection: Connection,
    decision: DecisionView | None,
    settlement: DecisionView | None,
    cost: list[CostItem],
    earlier: EarlierView | None,
    approval: ApprovalStanding | None,
) -> ActionView:
    body = Action.model_validate(row.body)
    return ActionView(
        id=row.id,
        run_id=row.run_id,
        connection_id=row.connection_id,
        connection_title=connection.title,
        connection_state=connection.state,
        connector=body.connector,
        operation=row.operation,
        arguments=row.arguments,
        summary=body.preview.summary,
        record=body.preview.record,
        before=body.preview.before,
        after=body.preview.after,
        body=body.preview.body,
        why=row.why,
        reversibility=body.reversibility,
        credits=body.credits,
        digest=row.digest,
        key=row.key,
        version=row.version,
        supersedes=row.supersedes,
        origin=row.origin,
        drift=_three_values(row, body),
        earlier=earlier,
        state=ActionState(row.state),
        outcome=row.outcome,
        cost=cost,
        decision=decision,
        settlement=settlement,
        approval=approval,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _three_values(row: ActionRow, body: Action) -> list[ThreeValues]:
    """Shown, now and proposed, for the fields that this action concerns; empty unless it came from a drift."""
    if row.origin != "drift":
        return []
    shown = row.shown_before or {}
    now = (body.prior.value if body.prior is not None else None) or {}
    fields = sorted({*shown, *now, *body.preview.after})
    return [
        ThreeValues(field=field, shown=shown.get(field), now=now.get(field), proposed=body.preview.after.get(field))
        for field in fields
    ]


def _decision(row: DecisionRow) -> DecisionView:
    return DecisionView(verdict=row.verdict, reason=row.reason, digest=row.digest, at=row.at, by=row.by_id)


# -- activity and credits --------------------------------------------------------------------------------------------


async def activity(session: AsyncSession, user_id: UUID, *, run_id: UUID, limit: int = 50) -> Page[ActivityView]:
    """A run's audit entries, newest first; the whole feed, and how it goes on, is in store.feed."""
    query = (
        select(AuditRow)
        .where(col(AuditRow.user_id) == user_id, col(AuditRow.run_id) == run_id)
        .order_by(col(AuditRow.seq).desc())
        .limit(limit + 1)
    )
    return activity_page(list((await session.execute(query)).scalars()), limit)


def activity_page(rows: list[AuditRow], limit: int) -> Page[ActivityView]:
    """A page of at most `limit` entries, from one row more where there is one."""
    items = [activity_view(row) for row in rows[:limit]]
    return Page(items=items, next=str(items[-1].seq) if len(rows) > limit else None)


def activity_view(row: AuditRow) -> ActivityView:
    return ActivityView(**row.model_dump(exclude={"user_id", "prev_hash", "once"}))


async def balance(session: AsyncSession, user_id: UUID) -> BalanceView:
    """The credit account. Raises NotFound."""
    row = await session.get(CreditAccount, user_id)
    if row is None:
        raise NotFound("There is no credit account.")
    return BalanceView(balance=row.balance, reserved=row.reserved)


async def ledger(
    session: AsyncSession, user_id: UUID, *, cursor: str | None = None, limit: int = 50
) -> Page[LedgerView]:
    """The ledger, newest first. Raises InvalidInput for a cursor that was not given out."""
    query = (
        select(LedgerTransaction)
        .where(col(LedgerTransaction.user_id) == user_id)
        .order_by(col(LedgerTransaction.at).desc(), col(LedgerTransaction.id).desc())
        .limit(limit + 1)
    )
    if cursor is not None:
        moment, last = from_cursor(cursor)
        query = query.where(tuple_(col(LedgerTransaction.at), col(LedgerTransaction.id)) < (moment, last))
    rows = list((await session.execute(query)).scalars())
    shown = rows[:limit]
    postings: dict[UUID, dict[str, int]] = {row.id: {} for row in shown}
    for posting in (
        await session.execute(select(LedgerPosting).where(col(LedgerPosting.transaction_id).in_(list(postings))))
    ).scalars():
        postings[posting.transaction_id][posting.account] = posting.amount
    items = [
        LedgerView(
            id=row.id,
            kind=row.kind,
            amount=sum(
                postings[row.id].get(side.value, 0) for side in (LedgerAccount.AVAILABLE, LedgerAccount.RESERVED)
            ),
            postings=postings[row.id],
            ref=row.ref,
            items=[CostItem.model_validate(part) for part in row.items],
            at=row.at,
        )
        for row in shown
    ]
    return Page(items=items, next=to_cursor(items[-1].at, items[-1].id) if len(rows) > limit else None)


# -- for operators: what works for all users at once, as the control role ----------------------------------------------


class BacklogView(BaseModel):
    """The outbox of wake-ups: how many are owed, and since when."""

    undelivered: int
    oldest_seconds: float
    most_attempts: int


class SandboxView(BaseModel):
    user_id: UUID
    state: str
    generation: int
    has_key: bool
    last_active_at: datetime


async def backlog(session: AsyncSession) -> BacklogView:
    """What the outbox holds, over all users. Needs the control role."""
    row = (
        await session.execute(
            select(
                func.count(),
                func.coalesce(func.extract("epoch", func.now() - func.min(col(Wakeup.created_at))), 0),
                func.coalesce(func.max(col(Wakeup.attempts)), 0),
            ).where(col(Wakeup.delivered_at).is_(None))
        )
    ).one()
    return BacklogView(undelivered=int(row[0]), oldest_seconds=float(row[1]), most_attempts=int(row[2]))


async def sandboxes(session: AsyncSession) -> list[SandboxView]:
    """Every user's sandbox, the last active first. Needs the control role."""
    rows = (await session.execute(select(SandboxRow).order_by(col(SandboxRow.last_active_at).desc()))).scalars()
    return [
        SandboxView(
            user_id=row.user_id,
            state=row.state,
            generation=row.generation,
            has_key=row.public_key is not None,
            last_active_at=row.last_active_at,
        )
        for row in rows
    ]


def to_cursor(moment: datetime, row_id: UUID) -> str:
    """Where a list goes on that is ordered by time and id."""
    return base64.urlsafe_b64encode(f"{moment.isoformat()}|{row_id}".encode()).decode()


def from_cursor(cursor: str) -> tuple[datetime, UUID]:
    """Raises InvalidInput for one that was not given out."""
    try:
        moment, _, row_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition("|")
        return datetime.fromisoformat(moment), UUID(row_id)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("cursor: give back the `next` of the page before") from error
