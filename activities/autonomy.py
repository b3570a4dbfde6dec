"""Judging actions by guardrails, on the control side: when a plan was accepted, and again right before each grant.

A verdict rests on attested reads, on the action as it was built here, and on counts made under the lease's lock. What
is not known is held. Nothing here opens the gate by itself: the database demands the same of every covered action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from temporalio import activity

from activities import names
from activities.attested import Wanted
from activities.facts import MAX_AGE, action_facts, readable, record_facts, wanted_reads
from activities.names import ActionRef, CoverInput, CoverOutput, FactsRead
from coco.actions import Action, ActionState
from coco.guardrails.catalogue import Catalogue
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.form import Form
from coco.guardrails.records import read_record
from coco.guardrails.requirements import form_requirements
from coco.requests import ProviderResponse
from coco.trust import Profile, TrustLevel, unlike
from coco.verdicts import Judged, judge
from store import model_calls, trust
from store.database import Database
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import (
    ActionRow,
    Connection,
    DecisionRow,
    EvaluationRow,
    GuardrailRow,
    Lease,
    Notice,
    ReadRow,
    Run,
    Workflow,
)

READ_AGAIN = timedelta(minutes=10)
"""Facts older than this are read again while there is still time to; older than MAX_AGE they count for nothing."""
SPARE = timedelta(minutes=1)
"""Facts that would be too old this soon are too old for a grant: it could hardly be used any more."""

_ORDER = {"run": 0, "notify_first": 1, "draft_only": 2}


class TakeBack(Exception):
    """The workflow may not go on by itself. Raised out of a transaction, which it undoes; taken back in one of its own,
    since that locks every run of the workflow."""


@dataclass(frozen=True)
class Again:
    """What the look right before a grant came to. Without `proof` the action is back in the inbox."""

    proof: EvaluationRow | None = None
    until: datetime | None = None
    """When the facts behind the verdict are too old, or the lease is over: no grant may live longer."""
    stale: bool = False
    """Its facts were too old to be judged by: with them read again, a guardrail may still cover it."""

    def seconds(self, now: datetime, at_most: int) -> int:
        """For how long a grant may live."""
        return at_most if self.until is None else max(1, min(at_most, int((self.until - now).total_seconds())))


@dataclass(frozen=True)
class _Ground:
    """What the verdicts of one workflow rest on, at one moment, under the lease's lock."""

    run: Run
    lease: Lease
    rules: list[tuple[GuardrailRow, Form]]
    reserved: frozenset[str]
    crm: str | None
    """The one connection in which a mail's recipient is looked up."""
    now: datetime


@dataclass(frozen=True)
class _Found:
    rule: GuardrailRow
    form: Form
    proof: EvaluationRow
    judged: Judged
    oldest: datetime | None
    """Of the reads behind it."""


class AutonomyActivities:
    """Lives as long as the control worker."""

    def __init__(self, database: Database, catalogue: Catalogue | None = None) -> None:
        self._db = database
        self._catalogue = catalogue or default_catalogue()

    def all(self) -> list[Callable[..., Any]]:
        """Every activity, for the worker."""
        return [self.cover]

    @activity.defn(name=names.COVER)
    async def cover(self, message: CoverInput) -> CoverOutput:
        """Lets run what guardrails cover, tells of what they tell first, and leaves the rest in the inbox.

        First names the facts that must be read; judges when they were, or with `last`, on what there is.
        """
        try:
            async with self._db.user(message.user_id) as session:
                return await self._cover(session, message)
        except TakeBack as reason:
            await self.take_back(message.user_id, message.run_id, str(reason))
            return CoverOutput()

    async def take_back(self, user_id: UUID, run_id: UUID, reason: str) -> None:
        """Takes the run's workflow back, in a transaction of its own."""
        async with self._db.user(user_id) as session:
            run = await get_run(session, user_id, run_id)
            await trust.take_back(session, user_id, run.workflow_id, reason, actor="system")

    async def put_back(self, message: ActionRef, why: str) -> None:
        """Puts an action that was to run alone back into the inbox, in a transaction of its own."""
        async with self._db.user(message.user_id) as session:
            await get_run(session, message.user_id, message.run_id, lock=True)
            row = await own(session, ActionRow, message.action_id, message.user_id, "action", lock=True)
            if row.state == ActionState.APPROVED and not await approved_by_person(session, row.id):
                await trust.return_action(session, row, why)

    async def _cover(self, session: AsyncSession, message: CoverInput) -> CoverOutput:
        run = await get_run(session, message.user_id, message.run_id, lock=True)
        pending = list(
            (
                await session.execute(
                    select(ActionRow)
                    .where(col(ActionRow.run_id) == run.id, col(ActionRow.user_id) == run.user_id)
                    # An edited action is a person's, a drifted one has changed under the plan: both wait for a person.
                    .where(col(ActionRow.state) == ActionState.PENDING.value, col(ActionRow.origin) == "plan")
                    .order_by(col(ActionRow.position), col(ActionRow.id))
                    .with_for_update()
                )
            ).scalars()
        )
        ground = await self._ground(session, run)
        if ground is None or await model_calls.text_waits(session, run.user_id, run.workflow_id, run.id):
            return CoverOutput()
        concerned = [(row, rules) for row in pending if (rules := self._concerning(ground, row))]
        if not message.last:
            reads = [read for row, rules in concerned for read in await self._missing(session, ground, row, rules)]
            if reads:
                return CoverOutput(reads=tuple(dict.fromkeys(reads)))
        wake_at: datetime | None = None
        for row, rules in concerned:
            due = await self._settle(session, ground, row, rules)
            if due is not None and (wake_at is None or due < wake_at):
                wake_at = due
        return CoverOutput(wake_at=wake_at)

    async def _settle(
        self, session: AsyncSession, ground: _Ground, row: ActionRow, rules: list[tuple[GuardrailRow, Form]]
    ) -> datetime | None:
        """Judges one pending action and acts on it; when to look again, for a notice that runs."""
        found = await self._judge(session, ground, row, rules)
        if found is None:
            return None
        if found.form.mode == "run":
            await trust.cover(session, row, found.proof, found.rule)
        elif found.form.mode == "notify_first":
            return await self._after_notice(session, ground, row, found)
        return None

    async def _after_notice(
        self, session: AsyncSession, ground: _Ground, row: ActionRow, found: _Found
    ) -> datetime | None:
        notice = await session.get(Notice, row.id, populate_existing=True)
        if notice is None:
            return (await trust.notify(session, row, found.proof, found.rule)).not_before
        if (notice.guardrail_id, notice.guardrail_version) != (found.rule.id, found.rule.version):
            return None  # told of under another rule: silence says nothing about this one
        if ground.now < notice.not_before:
            return notice.not_before
        if notice.run_when_offline or (notice.seen_at is not None and notice.seen_at <= notice.not_before):
            await trust.cover(session, row, found.proof, found.rule)
        return None

    # -- right before a grant --------------------------------------------------------------------------------------

    async def judge_again(self, session: AsyncSession, run: Run, row: ActionRow) -> Again:
        """A new verdict on an action that a guardrail had covered, for a grant in the same transaction; without one,
        the action is back in the inbox. Run and action are locked by the caller.

        Raises TakeBack.
        """
        ground = await self._ground(session, run)
        if ground is None:
            await trust.return_action(session, row, "its workflow does not run by itself any more")
            return Again()
        if await model_calls.text_waits(session, run.user_id, run.workflow_id, run.id):
            await trust.return_action(session, row, "a language model may have written it, so a person decides")
            return Again()
        rules = self._concerning(ground, row)
        if rules and await self._unread(session, ground, row, rules, ground.now - MAX_AGE + SPARE):
            await trust.return_action(session, row, "what it is about was read too long ago, and is read again")
            return Again(stale=True)
        found = await self._judge(session, ground, row, rules)
        if found is None or found.form.mode == "draft_only":
            await trust.return_action(session, row, await _last_reason(session, row))
            return Again()
        notice = await session.get(Notice, row.id, populate_existing=True)
        if found.form.mode == "notify_first" and (
            notice is None or (notice.guardrail_id, notice.guardrail_version) != (found.rule.id, found.rule.version)
        ):
            await trust.return_action(session, row, "only a rule that tells you first covers it now")
            return Again()
        until = ground.lease.expires_at
        if found.oldest is not None:
            until = min(until, found.oldest + MAX_AGE)
        return Again(found.proof, until)

    # -- judging ---------------------------------------------------------------------------------------------------

    async def _ground(self, session: AsyncSession, run: Run) -> _Ground | None:
        """None where nothing of this run may run alone. Raises TakeBack where the lease is over."""
        if run.cancel_requested_at is not None or run.state in FINAL_RUN_STATES:
            return None
        lease = await trust.active_lease(session, run.user_id, run.workflow_id, lock=True)
        workflow = await own(session, Workflow, run.workflow_id, run.user_id, "workflow")
        if lease is None or workflow.trust_level != TrustLevel.AUTONOMOUS or run.created_at < lease.granted_at:
            return None
        now = await trust.database_now(session)
        if lease.expires_at <= now:
            raise TakeBack(trust.EXPIRED)
        settings = await trust.settings_of(session, run.user_id, run.workflow_id)
        rules = await trust.confirmed(session, run.user_id, run.workflow_id)
        return _Ground(
            run=run,
            lease=lease,
            rules=[(rule, Form.model_validate(rule.form)) for rule in rules],
            reserved=frozenset(settings.reserved_operations),
            crm=await _only_crm(session, workflow),
            now=now,
        )

    def _concerning(self, ground: _Ground, row: ActionRow) -> list[tuple[GuardrailRow, Form]]:
        """The rules that speak of such an operation at all, those that leave least to the owner first."""
        if row.operation in ground.reserved:
            return []
        named = {facts["action.operation"] for facts in action_facts(Action.model_validate(row.body), row.arguments)}
        rules = [(rule, form) for rule, form in ground.rules if any(one.operation in named for one in form.operations)]
        return sorted(rules, key=lambda one: _ORDER[one[1].mode])

    async def _judge(
        self, session: AsyncSession, ground: _Ground, row: ActionRow, rules: list[tuple[GuardrailRow, Form]]
    ) -> _Found | None:
        """Writes down the verdicts of the rules that concern the action, up to the first that covers, and returns that;
        None where there are no such rules.

        Raises TakeBack.
        """
        if not rules:
            return None
        body = Action.model_validate(row.body)
        reads = await self._read(session, ground, row, rules, ground.now - MAX_AGE)
        told = record_facts(body, row.arguments, ground.crm, self._needed(rules), _answers(reads))
        about = readable(told.facts, self._catalogue) | {"now": _told(ground.now)}
        full = await self._no_room(session, ground, row, body)
        base_url = await _base_url(session, row, body)
        first: _Found | None = None
        for rule, form in rules:
            used = await trust.usage(session, row.user_id, rule.id, row.run_id, row.id, ground.now)
            judged = self._verdict(form, action_facts(body, row.arguments, base_url), about | used)
            if judged.covered and full and form.mode != "draft_only":
                self._check_used_up(ground.lease)
                judged = judged.model_copy(update={"covered": False, "why": judged.why | {"text": f"held: {full}"}})
            why = judged.why if judged.covered or not told.missing else judged.why | {"reading": told.missing}
            proof = EvaluationRow(
                user_id=row.user_id,
                action_id=row.id,
                digest=row.digest,
                guardrail_id=rule.id,
                guardrail_version=rule.version,
                lease_id=ground.lease.id,
                verdict="covered" if judged.covered else "held",
                facts=judged.facts,
                reads=[_named(read) for read in reads.values()],
                why=why,
            )
            session.add(proof)
            await session.flush()
            if judged.covered:
                # One rule is enough: its verdict is the newest that covers, which is the one a grant rests on.
                first = _Found(rule, form, proof, judged, min((read.at for read in reads.values()), default=None))
                break
        if first is not None and first.form.mode != "draft_only":
            self._check_alike(ground.lease, first.judged, body)
        return first

    async def _missing(
        self, session: AsyncSession, ground: _Ground, row: ActionRow, rules: list[tuple[GuardrailRow, Form]]
    ) -> list[FactsRead]:
        """The reads that an action's facts need and that are not there, or old."""
        unread = await self._unread(session, ground, row, rules, ground.now - READ_AGAIN)
        return [FactsRead(connection_id=UUID(one.connection), request=one.request) for one in unread]

    async def _unread(
        self,
        session: AsyncSession,
        ground: _Ground,
        row: ActionRow,
        rules: list[tuple[GuardrailRow, Form]],
        since: datetime,
    ) -> list[Wanted]:
        reads = await self._read(session, ground, row, rules, since)
        body = Action.model_validate(row.body)
        wanted = wanted_reads(body, row.arguments, ground.crm, self._needed(rules), _answers(reads))
        return [one for one in wanted if one not in reads]

    async def _read(
        self,
        session: AsyncSession,
        ground: _Ground,
        row: ActionRow,
        rules: list[tuple[GuardrailRow, Form]],
        since: datetime,
    ) -> dict[Wanted, ReadRow]:
        """The newest attested read for each that the action's facts need, as far as they are there. One answer may say
        which others are needed."""
        body = Action.model_validate(row.body)
        found: dict[Wanted, ReadRow] = {}
        looked_for: set[Wanted] = set()
        while True:
            wanted = wanted_reads(body, row.arguments, ground.crm, self._needed(rules), _answers(found))
            fresh = [one for one in wanted if one not in looked_for]
            if not fresh:
                return found
            for one in fresh:
                looked_for.add(one)
                if (read := await _attested(session, row, one, since)) is not None:
                    found[one] = read

    def _needed(self, rules: list[tuple[GuardrailRow, Form]]) -> frozenset[str]:
        """The kinds of record that the rules look at, and the facts that they need by their names."""
        needed = [
            need.fact
            for _, form in rules
            for need in form_requirements(form, self._catalogue)
            if need.kind not in {"alone", "theirs"}  # they hold where nothing is known
        ]
        needed += [fact for _, form in rules for one in form.operations for fact, _ in one.arguments]
        found = {fact.partition(".")[0] for fact in needed} | {form.target for _, form in rules}
        return frozenset(found | set(needed) | ({"contact"} if "email" in found else set()))

    def _verdict(self, form: Form, told: Iterable[Mapping[str, Any]], about: Mapping[str, Any]) -> Judged:
        """Under each name that fits the action; a name that the rule excludes holds it under every name."""
        named = [readable(facts, self._catalogue) for facts in told]
        excluded = [facts for facts in named if facts["action.operation"] in form.excluded]
        ours = {one.operation for one in form.operations}
        judged = None
        for facts in excluded or [facts for facts in named if facts["action.operation"] in ours]:
            judged = judge(form, {**about, **facts}, self._catalogue)
            if judged.covered or excluded:
                break
        assert judged is not None  # a rule concerns only actions that have a name
        return judged

    async def _no_room(self, session: AsyncSession, ground: _Ground, row: ActionRow, body: Action) -> str | None:
        """Why the lease's budgets do not reach for the action next to what they are promised to already."""
        lease = ground.lease
        if await trust.counted(session, lease, row.id):
            return None
        actions, cost = await trust.promised(session, lease, row.id)
        if lease.actions_used + actions + 1 > lease.actions_budget:
            return f"the lease's budget of {lease.actions_budget} actions does not reach for it"
        if lease.credits_used + cost + body.credits > lease.credits_budget:
            return f"the lease's budget of {lease.credits_budget} credits does not reach for it"
        return None

    def _check_used_up(self, lease: Lease) -> None:
        if lease.actions_used >= lease.actions_budget:
            raise TakeBack(f"The lease's budget of {lease.actions_budget} actions is used up.")
        if lease.credits_used >= lease.credits_budget:
            raise TakeBack(f"The lease's budget of {lease.credits_budget} credits is used up.")

    def _check_alike(self, lease: Lease, judged: Judged, body: Action) -> None:
        record = read_record(judged.facts, self._catalogue)
        why = unlike(Profile.model_validate(lease.profile), record.facts)
        if why is not None:
            raise TakeBack(f"“{body.preview.summary}” is unlike what it was graduated on: {why}.")


async def approved_by_person(session: AsyncSession, action_id: UUID) -> bool:
    """Whether a person approved the action: then no guardrail is asked."""
    found = await session.execute(
        select(col(DecisionRow.id)).where(
            col(DecisionRow.action_id) == action_id, col(DecisionRow.verdict) == "approve"
        )
    )
    return found.first() is not None


async def _attested(session: AsyncSession, row: ActionRow, wanted: Wanted, since: datetime) -> ReadRow | None:
    """The newest attested read of this run, on exactly that connection, of exactly that request."""
    found = await session.execute(
        select(ReadRow)
        .where(col(ReadRow.run_id) == row.run_id, col(ReadRow.user_id) == row.user_id)
        .where(col(ReadRow.connection_id) == UUID(wanted.connection))
        .where(col(ReadRow.request_digest) == wanted.request.digest())
        .where(col(ReadRow.at) >= since)
        .order_by(col(ReadRow.at).desc(), col(ReadRow.id))
        .limit(1)
    )
    return found.scalar_one_or_none()


async def _base_url(session: AsyncSession, row: ActionRow, body: Action) -> str:
    """The address of the action's connection, as its owner gave it."""
    return (await own(session, Connection, UUID(body.connection), row.user_id, "connection")).base_url


async def _only_crm(session: AsyncSession, workflow: Workflow) -> str | None:
    """The workflow's CRM connection, where it has exactly one; of two, either might be the wrong one."""
    rows = await session.execute(
        select(col(Connection.id))
        .where(col(Connection.user_id) == workflow.user_id, col(Connection.connector) == "hubspot")
        .where(col(Connection.id).in_([UUID(one) for one in workflow.connections]))
    )
    found = list(rows.scalars())
    return str(found[0]) if len(found) == 1 else None


def _answers(reads: Mapping[Wanted, ReadRow]) -> dict[Wanted, ProviderResponse]:
    return {wanted: ProviderResponse.model_validate(read.response) for wanted, read in reads.items()}


async def _last_reason(session: AsyncSession, row: ActionRow) -> str:
    found = (
        await session.execute(
            select(col(EvaluationRow.why))
            .where(col(EvaluationRow.action_id) == row.id)
            .order_by(col(EvaluationRow.at).desc())
            .limit(1)
        )
    ).scalar_one_or_none()
    return str(found["text"]) if found else "no guardrail covers it any more"


def _named(read: ReadRow) -> dict[str, Any]:
    return {
        "read": str(read.id),
        "request_digest": read.request_digest,
        "response_digest": read.response_digest,
        "at": read.at.isoformat(),
    }


def _told(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
