"""The trust ladder in Postgres: settings, leases, verdicts, notices, reviews; graduating and taking back.

What must hold whatever this code does is held by the triggers of `store.migrations.privileges_0002`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import case, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.actions import ActionState
from coco.audit import AuditKind
from coco.errors import Conflict, InvalidInput, NotFound
from coco.guardrails.evaluate import PERIOD_SECONDS
from coco.tiers import Limit
from coco.trust import (
    DEFAULT_REVIEW_PERCENT,
    DEFAULT_RUNS_NEEDED,
    Eligibility,
    LeaseTerms,
    Profile,
    ReviewVerdict,
    RunRecord,
    TrustLevel,
    eligibility,
    sampled,
)
from store import audit, events, model_calls, tiers, undoing, wakeups, ways_back
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import (
    ActionRow,
    DecisionRow,
    EffectRow,
    EvaluationRow,
    GrantRow,
    GuardrailRow,
    Lease,
    Notice,
    Review,
    Run,
    TrustSettings,
    UndoRow,
    Workflow,
    utc_now,
)

EXPIRED = "The lease has expired."
CHECK_VIOLATION = "23514"
"""What the triggers of trust raise."""
MODEL_TEXT_WAITS = (
    "it may ask a language model, no guardrail judges what a text says, and its settings do not let such text run alone"
)
LOOK_BACK = 50
"""Runs that are looked at for graduation."""


async def database_now(session: AsyncSession) -> datetime:
    """The moment by which the database itself judges in this transaction."""
    moment: datetime = (await session.execute(select(func.now()))).scalar_one()
    return moment


async def settings_of(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> TrustSettings:
    """A workflow's trust settings, or the defaults."""
    found = await session.get(TrustSettings, workflow_id)
    if found is not None and found.user_id == user_id:
        return found
    return TrustSettings(
        workflow_id=workflow_id,
        user_id=user_id,
        runs_needed=DEFAULT_RUNS_NEEDED,
        review_percent=DEFAULT_REVIEW_PERCENT,
        reserved_operations=[],
        model_text_alone=False,
    )


async def change_settings(
    session: AsyncSession,
    user_id: UUID,
    workflow_id: UUID,
    *,
    runs_needed: int,
    review_percent: int,
    reserved_operations: Sequence[str],
    model_text_alone: bool = False,
) -> TrustSettings:
    """Replaces a workflow's trust settings. Raises NotFound, InvalidInput.

    Letting a model's text run alone takes a graduated workflow back: it was graduated on less.
    """
    if not 1 <= runs_needed <= 100:
        raise InvalidInput("runs_needed: between 1 and 100")
    if not 0 <= review_percent <= 100:
        raise InvalidInput("review_percent: between 0 and 100")
    await own(session, Workflow, workflow_id, user_id, "workflow")
    before = await settings_of(session, user_id, workflow_id)
    if added := sorted(set(reserved_operations) - set(before.reserved_operations)):
        # Reserved means reserved: what a guardrail had covered and has not begun waits for a person as well.
        await return_covered(session, user_id, workflow_id, added)
    if before.model_text_alone and not model_text_alone:
        await return_covered(session, user_id, workflow_id)
    if model_text_alone and not before.model_text_alone:
        why = "Its owner let text by a language model run alone, which is more than it was graduated on."
        await take_back(session, user_id, workflow_id, why, actor=f"user:{user_id}")
    values: dict[str, Any] = {
        "runs_needed": runs_needed,
        "review_percent": review_percent,
        "reserved_operations": sorted(set(reserved_operations)),
        "model_text_alone": model_text_alone,
        "updated_at": utc_now(),
    }
    row = insert(TrustSettings).values(workflow_id=workflow_id, user_id=user_id, **values)
    await session.execute(row.on_conflict_do_update(index_elements=["workflow_id"], set_=values))
    told = {name: value for name, value in values.items() if name != "updated_at"}
    await audit.append(
        session,
        user_id,
        AuditKind.TRUST_SETTINGS_CHANGED,
        actor=f"user:{user_id}",
        body={"workflow": str(workflow_id)} | told,
    )
    return await settings_of(session, user_id, workflow_id)


async def active_lease(session: AsyncSession, user_id: UUID, workflow_id: UUID, *, lock: bool = False) -> Lease | None:
    """The lease in force; with `lock`, held, so that whoever counts against it counts alone."""
    query = select(Lease).where(
        col(Lease.workflow_id) == workflow_id, col(Lease.user_id) == user_id, col(Lease.state) == "active"
    )
    if lock:
        query = query.with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


# -- graduating and taking back ----------------------------------------------------------------------------------------


async def standing(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> Eligibility:
    """Whether the workflow may be graduated. Raises NotFound."""
    await own(session, Workflow, workflow_id, user_id, "workflow")
    settings = await settings_of(session, user_id, workflow_id)
    approved = func.count().filter(
        col(ActionRow.state) == ActionState.DONE.value, col(DecisionRow.verdict) == "approve"
    )
    rejected = func.count().filter((col(DecisionRow.verdict) == "reject") | col(Review.verdict).in_(["reject", "undo"]))
    rows = await session.execute(
        select(col(Run.state), approved, rejected)
        .select_from(Run)
        .outerjoin(ActionRow, col(ActionRow.run_id) == col(Run.id))
        .outerjoin(DecisionRow, (col(DecisionRow.action_id) == col(ActionRow.id)) & (col(DecisionRow.stage) == "gate"))
        .outerjoin(Review, col(Review.action_id) == col(ActionRow.id))
        .where(col(Run.workflow_id) == workflow_id, col(Run.user_id) == user_id)
        # A run that takes an action back says nothing about what the workflow proposes.
        .where(col(Run.id).not_in(select(col(UndoRow.run_id)).where(col(UndoRow.user_id) == user_id)))
        .group_by(col(Run.id), col(Run.state), col(Run.created_at))
        .order_by(col(Run.created_at).desc(), col(Run.id))
        .limit(LOOK_BACK)
    )
    found = eligibility(
        [RunRecord(state=state, approved_done=done, rejected=no) for state, done, no in rows.all()],
        settings.runs_needed,
    )
    if await model_calls.text_waits(session, user_id, workflow_id):
        return found.model_copy(update={"eligible": False, "why": f"{found.why}; but {MODEL_TEXT_WAITS}"})
    return found


async def graduate(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, terms: LeaseTerms, profile: Profile
) -> Lease:
    """Lets the workflow run inside its confirmed guardrails, for the lease's time and budgets.

    Runs that are in flight keep waiting for approval: what runs alone began after this. Raises NotFound, Conflict.
    """
    workflow = await own(session, Workflow, workflow_id, user_id, "workflow", lock=True)
    if workflow.archived_at is not None:
        raise Conflict("Nothing was changed: this workflow is archived.")
    if workflow.trust_level == TrustLevel.AUTONOMOUS:
        raise Conflict("Nothing was changed: this workflow is already graduated. Take it back first for other terms.")
    await tiers.check_room(session, user_id, Limit.AUTONOMOUS)
    counted = await standing(session, user_id, workflow_id)
    if not counted.eligible:
        raise Conflict(f"Nothing was changed: {counted.why}.")
    rules = await confirmed(session, user_id, workflow_id)
    if not rules:
        raise Conflict("Nothing was changed: the workflow has no confirmed guardrail, so nothing could run alone.")
    now = utc_now()
    lease = Lease(
        user_id=user_id,
        workflow_id=workflow_id,
        granted_at=now,
        expires_at=now + timedelta(days=terms.days),
        actions_budget=terms.actions,
        credits_budget=terms.credits,
        profile=profile.model_dump(mode="json"),
    )
    session.add(lease)
    await session.flush()
    await session.execute(
        update(Workflow).where(col(Workflow.id) == workflow_id).values(trust_level=TrustLevel.AUTONOMOUS.value)
    )
    await audit.append(
        session,
        user_id,
        AuditKind.WORKFLOW_GRADUATED,
        actor=f"user:{user_id}",
        body={
            "workflow": str(workflow_id),
            "lease": str(lease.id),
            "expires_at": lease.expires_at.isoformat(),
            "actions": terms.actions,
            "credits": terms.credits,
            "guardrails": [{"id": str(rule.id), "version": rule.version, "reading": rule.reading} for rule in rules],
            "why": counted.why,
            "profile": lease.profile,
        },
    )
    await events.tell(session, user_id, "workflow", body={"id": str(workflow_id), "trust_level": "autonomous"})
    return lease


async def confirmed(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[GuardrailRow]:
    """The guardrails in force, oldest first."""
    rows = await session.execute(
        select(GuardrailRow)
        .where(col(GuardrailRow.workflow_id) == workflow_id, col(GuardrailRow.user_id) == user_id)
        .where(col(GuardrailRow.state) == "confirmed")
        .order_by(col(GuardrailRow.created_at), col(GuardrailRow.id))
    )
    return list(rows.scalars())


async def take_back(session: AsyncSession, user_id: UUID, workflow_id: UUID, reason: str, *, actor: str) -> bool:
    """Back to approve-each, at once: no grant by guardrail any more, and what a guardrail had covered and has not
    begun to be sent waits for approval again. False where the workflow was not graduated.

    Call it in a transaction that holds no run of this workflow: it locks all that are in flight, in one order.
    """
    run_ids = await _in_flight(session, user_id, workflow_id)
    lease = await active_lease(session, user_id, workflow_id, lock=True)
    if lease is None:
        return False
    # The trust level falls with the lease, by a trigger.
    await session.execute(
        update(Lease).where(col(Lease.id) == lease.id).values(state="ended", ended_at=utc_now(), ended_reason=reason)
    )
    returned = await _return_covered(session, user_id, run_ids)
    await audit.append(
        session,
        user_id,
        AuditKind.WORKFLOW_TAKEN_BACK,
        actor=actor,
        body={
            "workflow": str(workflow_id),
            "lease": str(lease.id),
            "reason": reason,
            "returned": [str(action_id) for action_id in returned],
            "actions_used": lease.actions_used,
            "credits_used": lease.credits_used,
        },
    )
    body = {"id": str(workflow_id), "trust_level": TrustLevel.APPROVE_EACH.value, "reason": reason}
    await events.tell(session, user_id, "workflow", body=body)
    for run_id in run_ids:
        await wakeups.owe(session, user_id, run_id)
    return True


async def return_covered(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, operations: Sequence[str] | None = None
) -> list[UUID]:
    """Puts back into the inbox what guardrails had covered and has not begun, of some operations or of all: when the
    rules change under it. Call it in a transaction that holds no run of this workflow."""
    run_ids = await _in_flight(session, user_id, workflow_id)
    returned = await _return_covered(session, user_id, run_ids, operations)
    for run_id in run_ids:
        await wakeups.owe(session, user_id, run_id)
    return returned


async def _in_flight(session: AsyncSession, user_id: UUID, workflow_id: UUID) -> list[UUID]:
    rows = await session.execute(
        select(col(Run.id))
        .where(col(Run.workflow_id) == workflow_id, col(Run.user_id) == user_id)
        .where(col(Run.state).not_in(FINAL_RUN_STATES))
        .order_by(col(Run.id))
        .with_for_update()
    )
    return list(rows.scalars())


async def _return_covered(
    session: AsyncSession, user_id: UUID, run_ids: list[UUID], operations: Sequence[str] | None = None
) -> list[UUID]:
    decided = select(col(DecisionRow.action_id)).where(col(DecisionRow.user_id) == user_id)
    begun = select(col(EffectRow.action_id)).where(col(EffectRow.user_id) == user_id)
    covered = (
        update(ActionRow) if operations is None else update(ActionRow).where(col(ActionRow.operation).in_(operations))
    )
    rows = await session.execute(
        covered.where(col(ActionRow.user_id) == user_id, col(ActionRow.run_id).in_(run_ids))
        .where(col(ActionRow.state) == ActionState.APPROVED.value)
        .where(col(ActionRow.id).not_in(decided), col(ActionRow.id).not_in(begun))
        .values(state=ActionState.PENDING.value, updated_at=utc_now())
        .returning(col(ActionRow.id), col(ActionRow.run_id))
    )
    returned = rows.all()
    for action_id, run_id in returned:
        await events.tell(session, user_id, "action", run_id=run_id, body={"id": str(action_id), "state": "pending"})
    return sorted(action_id for action_id, _ in returned)


# -- verdicts ----------------------------------------------------------------------------------------------------------


async def cover(session: AsyncSession, action: ActionRow, proof: EvaluationRow, rule: GuardrailRow) -> None:
    """Lets a pending action run on a verdict just written. The database checks the verdict itself."""
    await session.execute(
        update(ActionRow)
        .where(col(ActionRow.id) == action.id, col(ActionRow.state) == ActionState.PENDING.value)
        .values(state=ActionState.APPROVED.value, updated_at=utc_now())
    )
    await audit.append(
        session,
        action.user_id,
        AuditKind.ACTION_COVERED,
        actor=f"guardrail:{rule.id}@{rule.version}",
        run_id=action.run_id,
        action_id=action.id,
        body={
            "operation": action.operation,
            "summary": action.body["preview"]["summary"],
            "digest": action.digest,
            "guardrail": described(rule, proof),
        },
    )
    body = {"id": str(action.id), "state": ActionState.APPROVED.value}
    await events.tell(session, action.user_id, "action", run_id=action.run_id, body=body)


async def notify(session: AsyncSession, action: ActionRow, proof: EvaluationRow, rule: GuardrailRow) -> Notice:
    """Tells the owner that an action will run, and when. It stays pending: a rejection until then stops it."""
    now = utc_now()
    notice = Notice(
        action_id=action.id,
        user_id=action.user_id,
        guardrail_id=rule.id,
        guardrail_version=rule.version,
        run_when_offline=bool(rule.form["run_when_offline"]),
        at=now,
        not_before=now + timedelta(hours=float(rule.form["wait_hours"])),
    )
    session.add(notice)
    await session.flush()
    await audit.append(
        session,
        action.user_id,
        AuditKind.ACTION_NOTIFIED,
        actor=f"guardrail:{rule.id}@{rule.version}",
        run_id=action.run_id,
        action_id=action.id,
        body={
            "operation": action.operation,
            "summary": action.body["preview"]["summary"],
            "not_before": notice.not_before.isoformat(),
            "run_when_offline": notice.run_when_offline,
            "guardrail": described(rule, proof),
        },
    )
    body = {"id": str(action.id), "not_before": notice.not_before.isoformat()}
    await events.tell(session, action.user_id, "notice", run_id=action.run_id, body=body)
    return notice


async def seen(session: AsyncSession, user_id: UUID, action_id: UUID) -> Notice:
    """The owner saw the notice in time, and lets it stand. Repeating it changes nothing. Raises NotFound, Conflict."""
    notice = await session.get(Notice, action_id)
    if notice is None or notice.user_id != user_id:
        raise NotFound("There is no such notice.")
    if notice.seen_at is not None:
        return notice
    now = await database_now(session)
    if now > notice.not_before:
        raise Conflict("Its time was up before the notice was seen, so it waits for your approval.")
    await session.execute(update(Notice).where(col(Notice.action_id) == action_id).values(seen_at=now))
    await session.refresh(notice)
    return notice


async def return_action(session: AsyncSession, action: ActionRow, why: str) -> None:
    """Puts one covered action back into the inbox, saying why it does not run alone after all."""
    await session.execute(
        update(ActionRow)
        .where(col(ActionRow.id) == action.id)
        .values(state=ActionState.PENDING.value, updated_at=utc_now())
    )
    await audit.append(
        session,
        action.user_id,
        AuditKind.ACTION_RETURNED,
        actor="system",
        run_id=action.run_id,
        action_id=action.id,
        body={"operation": action.operation, "summary": action.body["preview"]["summary"], "reason": why},
    )
    body = {"id": str(action.id), "state": ActionState.PENDING.value, "reason": why}
    await events.tell(session, action.user_id, "action", run_id=action.run_id, body=body)


def refusal(error: IntegrityError) -> str:
    """What the database said, in its own words, for one of the checks here; something general for any other."""
    diagnosis = getattr(error.orig, "diag", None)
    told = getattr(diagnosis, "message_primary", None)
    own_words = getattr(diagnosis, "sqlstate", None) == CHECK_VIOLATION and not getattr(diagnosis, "table_name", None)
    return told if own_words and isinstance(told, str) else "it would break a rule of the database"


async def counted(session: AsyncSession, lease: Lease, action_id: UUID) -> bool:
    """Whether the action is in the lease's budgets already: another grant for it takes nothing more."""
    found = await session.execute(
        select(col(GrantRow.jti)).where(
            col(GrantRow.action_id) == action_id,
            col(GrantRow.guardrail_id).is_not(None),
            col(GrantRow.issued_at) >= lease.granted_at.replace(microsecond=0),  # grants are issued in whole seconds
        )
    )
    return found.first() is not None


async def promised(session: AsyncSession, lease: Lease, action_id: UUID) -> tuple[int, int]:
    """(actions, credits) of what guardrails let run and no grant was minted for yet, this action left out."""
    decided = select(col(DecisionRow.action_id)).where(col(DecisionRow.user_id) == lease.user_id)
    minted = select(col(GrantRow.action_id)).where(
        col(GrantRow.user_id) == lease.user_id,
        col(GrantRow.guardrail_id).is_not(None),
        col(GrantRow.issued_at) >= lease.granted_at.replace(microsecond=0),  # grants are issued in whole seconds
    )
    cost: Any = ActionRow.body["credits"].as_integer()
    found = await session.execute(
        select(func.count(), func.coalesce(func.sum(cost), 0))
        .select_from(ActionRow)
        .where(col(ActionRow.workflow_id) == lease.workflow_id, col(ActionRow.user_id) == lease.user_id)
        .where(col(ActionRow.state) == ActionState.APPROVED.value, col(ActionRow.id) != action_id)
        .where(col(ActionRow.id).not_in(decided), col(ActionRow.id).not_in(minted))
    )
    actions, total = found.one()
    return int(actions), int(total)


async def usage(
    session: AsyncSession, user_id: UUID, guardrail_id: UUID, run_id: UUID, action_id: UUID, now: datetime
) -> dict[str, float]:
    """`usage.*` facts: what ran, or was let run, under a rule (every version of it), this action left out.

    Whatever a grant was minted for counts, also where it then failed. Hold the lease, so that the count stays true.
    """
    granted: Any = (
        select(
            col(GrantRow.action_id).label("action"),
            col(GrantRow.run_id).label("run"),
            func.min(col(GrantRow.issued_at)).label("at"),
            func.max(col(GrantRow.credits)).label("credits"),
        )
        .where(col(GrantRow.user_id) == user_id, col(GrantRow.guardrail_id) == guardrail_id)
        .group_by(col(GrantRow.action_id), col(GrantRow.run_id))
    )
    decided = select(col(DecisionRow.action_id)).where(col(DecisionRow.user_id) == user_id)
    waiting: Any = (
        select(
            col(ActionRow.id).label("action"),
            col(ActionRow.run_id).label("run"),
            func.max(col(EvaluationRow.at)).label("at"),
            ActionRow.body["credits"].as_integer().label("credits"),
        )
        .join(EvaluationRow, col(EvaluationRow.action_id) == col(ActionRow.id))
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state) == ActionState.APPROVED.value)
        .where(col(EvaluationRow.guardrail_id) == guardrail_id, col(EvaluationRow.verdict) == "covered")
        .where(col(ActionRow.id).not_in(decided))
        .group_by(col(ActionRow.id), col(ActionRow.run_id), col(ActionRow.body))
    )
    seen_rows: dict[UUID, tuple[UUID, datetime, int]] = {}
    for query in (waiting, granted):
        for row in (await session.execute(query)).all():
            if row.action != action_id:
                seen_rows[row.action] = (row.run, row.at, row.credits)
    found: dict[str, float] = {}
    for per, seconds in PERIOD_SECONDS.items():
        within = [
            cost
            for run, at, cost in seen_rows.values()
            if (run == run_id if seconds is None else now - at < timedelta(seconds=seconds))
        ]
        found[f"usage.{per}_actions"] = len(within)
        if per != "hour":
            found[f"usage.{per}_credits"] = float(sum(within))
    return found


def described(rule: GuardrailRow, proof: EvaluationRow) -> dict[str, Any]:
    """Rule and verdict in full, so that an audit entry can be judged again without anything else."""
    return {
        "id": str(rule.id),
        "version": rule.version,
        "sentence": rule.sentence,
        "reading": rule.reading,
        "form": rule.form,
        "evaluation": {
            "id": str(proof.id),
            "at": proof.at.isoformat(),
            "verdict": proof.verdict,
            "facts": proof.facts,
            "reads": proof.reads,
            "why": proof.why,
            "lease": str(proof.lease_id),
        },
    }


async def proof_of(session: AsyncSession, action: ActionRow) -> tuple[GuardrailRow, EvaluationRow] | None:
    """The rule and the newest verdict by which an action that nobody approved may have run."""
    proof = (
        (
            await session.execute(
                select(EvaluationRow)
                .where(col(EvaluationRow.action_id) == action.id, col(EvaluationRow.user_id) == action.user_id)
                .where(col(EvaluationRow.verdict) == "covered")
                .order_by(
                    # The one that the sending's own grant rests on comes before any other.
                    case((_granted(action.id), 0), else_=1),
                    col(EvaluationRow.at).desc(),
                )
            )
        )
        .scalars()
        .first()
    )
    if proof is None:
        return None
    rule = await session.get_one(GuardrailRow, (proof.guardrail_id, proof.guardrail_version))
    return rule, proof


def _granted(action_id: UUID) -> Any:
    return (
        select(col(GrantRow.jti))
        .where(col(GrantRow.action_id) == action_id, col(GrantRow.spent_at).is_not(None))
        .where(col(GrantRow.guardrail_id) == col(EvaluationRow.guardrail_id))
        .where(col(GrantRow.guardrail_version) == col(EvaluationRow.guardrail_version))
        .exists()
    )


# -- reviewing afterwards ----------------------------------------------------------------------------------------------


async def to_review(session: AsyncSession, user_id: UUID, workflow_id: UUID | None = None) -> list[ActionRow]:
    """Actions that ran alone, are in the share to review, and nobody has reviewed yet: in the order in which they were
    proposed, which concurrent sendings do not change."""
    query = (
        select(ActionRow)
        .join(GrantRow, col(GrantRow.action_id) == col(ActionRow.id))
        .outerjoin(Review, col(Review.action_id) == col(ActionRow.id))
        .where(col(ActionRow.user_id) == user_id, col(ActionRow.state) == ActionState.DONE.value)
        .where(col(GrantRow.guardrail_id).is_not(None), col(GrantRow.spent_at).is_not(None))
        .where(col(Review.action_id).is_(None))
        .order_by(col(ActionRow.created_at), col(ActionRow.position), col(ActionRow.id))
    )
    if workflow_id is not None:
        query = query.where(col(ActionRow.workflow_id) == workflow_id)
    rows = list((await session.execute(query)).scalars())
    shares: dict[UUID, int] = {}
    for row in rows:
        if row.workflow_id not in shares:
            shares[row.workflow_id] = (await settings_of(session, user_id, row.workflow_id)).review_percent
    leases = await _leases_of(session, user_id, [row.id for row in rows])
    return [row for row in rows if sampled(row.id, leases[row.id], shares[row.workflow_id])]


async def _leases_of(session: AsyncSession, user_id: UUID, action_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """By action that ran alone: the lease of the verdict that covered it last."""
    found = await session.execute(
        select(col(EvaluationRow.action_id), col(EvaluationRow.lease_id))
        .where(col(EvaluationRow.user_id) == user_id, col(EvaluationRow.action_id).in_(action_ids))
        .where(col(EvaluationRow.verdict) == "covered")
        .order_by(col(EvaluationRow.at), col(EvaluationRow.id))
    )
    return {row.action_id: row.lease_id for row in found.all()}


async def review(
    session: AsyncSession,
    user_id: UUID,
    action_id: UUID,
    verdict: ReviewVerdict,
    reason: str = "",
    *,
    undo: ways_back.Builders | None = None,
) -> bool:
    """Keeps what the owner says of an action that ran alone; anything but `ok` takes the workflow back, and with
    `undo` the verdict `undo` proposes what takes the action back.

    True where the workflow was taken back. Raises NotFound, Conflict, InvalidInput, also where nothing can take the
    action back: then nothing was changed.
    """
    reason = reason.strip()
    if verdict.ends_trust and not reason:
        raise InvalidInput("Say what was wrong; it is kept with the action and shown where the workflow is taken back.")
    if len(reason) > 2000:
        raise InvalidInput("The reason is longer than 2,000 characters.")
    action = await own(session, ActionRow, action_id, user_id, "action")
    await get_run(session, user_id, action.run_id)
    alone = await session.execute(
        select(col(GrantRow.jti)).where(
            col(GrantRow.action_id) == action_id,
            col(GrantRow.guardrail_id).is_not(None),
            col(GrantRow.spent_at).is_not(None),
        )
    )
    if alone.first() is None:
        raise Conflict("Nothing was changed: this action did not run alone.")
    if await session.get(Review, action_id) is not None:
        raise Conflict("Nothing was changed: this action was already reviewed.")
    session.add(Review(action_id=action_id, user_id=user_id, verdict=verdict.value, reason=reason))
    await session.flush()
    await audit.append(
        session,
        user_id,
        AuditKind.ACTION_REVIEWED,
        actor=f"user:{user_id}",
        run_id=action.run_id,
        action_id=action_id,
        body={"verdict": verdict.value, "reason": reason, "summary": action.body["preview"]["summary"]},
    )
    if not verdict.ends_trust:
        return False
    said = "undone" if verdict is ReviewVerdict.UNDO else "rejected"
    why = f"“{action.body['preview']['summary']}” was {said} in review: {reason}"
    taken_back = await take_back(session, user_id, action.workflow_id, why, actor=f"user:{user_id}")
    if verdict is ReviewVerdict.UNDO and undo is not None:
        await undoing.propose(session, user_id, action_id, undo)
    return taken_back
