"""Trusted activities: the control side's work for a run. They believe Postgres, and nothing a sandbox says.

Each may run twice; each is one transaction that finds its own earlier work.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select, update
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities import names
from activities.autonomy import Again, AutonomyActivities, TakeBack, approved_by_person
from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.granted import check_granted
from activities.connectors.registry import connector
from activities.names import (
    AcceptOutput,
    AcceptPlanInput,
    ActionRef,
    FinishInput,
    MintOutput,
    RecordInput,
    RecordOutput,
    RunView,
    SetStateInput,
    UserRun,
)
from activities.scheduled import ScheduledActivities
from activities.standing import is_blocked, standing, wait_of
from coco.actions import ActionState
from coco.canonical import can_be_kept, one_line
from coco.connections import ConnectionState, check_usable
from coco.errors import CocoError, Code, InvalidInput, Refused
from coco.grants import sign
from coco.plans import PlanCard, PlanDraft, Proposal
from coco.requests import ProviderResponse
from coco.trust import TrustLevel
from store import digests, events, grants, results, runs, trust, undos
from store.credits import release
from store.database import Database
from store.decisions import next_version
from store.owned import own
from store.revoking import erased_key
from store.tables import (
    ActionRow,
    Connection,
    DecisionRow,
    DriftRow,
    EffectRow,
    GrantRow,
    PlanDraftRow,
    QuestionRow,
    ReadRow,
    Run,
    Workflow,
    utc_now,
)

_AT_REST = frozenset({"waiting", "attention"})
"""Run states in which nothing is on its way."""
_NO_SANDBOX = "Its sandbox cannot be started right now; it is tried again. An operator can see why."

EnsureSandbox = Callable[[UUID], Awaitable[None]]


class TrustedActivities:
    """Lives as long as the control worker; holds the grant signing key."""

    def __init__(
        self, database: Database, signing_key: str, ensure_sandbox: EnsureSandbox, *, grant_seconds: int
    ) -> None:
        self._db = database
        self._signing_key = signing_key
        self._ensure_sandbox = ensure_sandbox
        self._grant_seconds = grant_seconds
        self._autonomy = AutonomyActivities(database)
        self._scheduled = ScheduledActivities(database)

    def all(self) -> list[Callable[..., Any]]:
        """Every activity, for the worker."""
        return [
            self.ensure_sandbox,
            self.accept_plan,
            self.load_run,
            self.mint_grant,
            self.record_result,
            self.set_state,
            self.finish_run,
            self.cancel_run,
            *self._autonomy.all(),
            *self._scheduled.all(),
        ]

    @activity.defn(name=names.ENSURE_SANDBOX)
    async def ensure_sandbox(self, message: UserRun) -> None:
        """Has the user's sandbox running. Where it cannot be started the run says so, and it is tried again."""
        try:
            await self._ensure_sandbox(message.user_id)
        except Exception:
            await self._say(message, _NO_SANDBOX)
            raise
        await self._say(message, "", instead_of=_NO_SANDBOX)

    async def _say(self, message: UserRun, reason: str, *, instead_of: str | None = None) -> None:
        """Changes the reason that the run's page shows."""
        async with self._db.user(message.user_id) as session:
            run = await runs.get_run(session, message.user_id, message.run_id)
            if instead_of is None or run.reason == instead_of:
                await runs.set_state(session, message.user_id, message.run_id, run.state, reason)

    @activity.defn(name=names.LOAD_RUN)
    async def load_run(self, message: UserRun) -> RunView:
        """Where the run stands, at one moment: half of it from before a change and half from after would be neither,
        and the change's own wake-up may have come already."""
        async with self._db.user(message.user_id, repeatable=True) as session:
            run = await runs.get_run(session, message.user_id, message.run_id)
            workflow = await own(session, Workflow, run.workflow_id, message.user_id, "workflow")
            open_questions = await session.execute(
                select(func.count())
                .select_from(QuestionRow)
                .where(col(QuestionRow.run_id) == run.id, col(QuestionRow.answer).is_(None))
            )
            rows = (
                await session.execute(
                    select(col(ActionRow.id), col(ActionRow.state))
                    .where(col(ActionRow.run_id) == run.id)
                    .order_by(col(ActionRow.position), col(ActionRow.version))
                )
            ).all()
            settled = set(
                (
                    await session.execute(
                        select(col(DecisionRow.action_id)).where(
                            col(DecisionRow.run_id) == run.id, col(DecisionRow.stage) == "settle"
                        )
                    )
                ).scalars()
            )
            stands = await standing(session, run, workflow)
            takes_back = await undos.takes_back(session, message.user_id, run.id)
            begun = set(
                (await session.execute(select(col(GrantRow.action_id)).where(col(GrantRow.run_id) == run.id))).scalars()
                if takes_back
                else ()
            )

        def in_state(state: ActionState) -> list[UUID]:
            return [row.id for row in rows if row.state == state]

        unknown = in_state(ActionState.OUTCOME_UNKNOWN)
        approved = in_state(ActionState.APPROVED)
        if takes_back:
            approved = _one_of(approved, stands.blocked, begun)
        return RunView(
            paused=run.paused_at is not None,
            blocked=stands.blocked,
            broken=stands.broken,
            unreadable=stands.unreadable,
            replan=run.replan,
            wait_seconds=stands.wait_seconds,
            short=stands.short,
            short_until=stands.short_until,
            cancelled=run.cancel_requested_at is not None,
            revision=run.revision,
            open_questions=open_questions.scalar_one(),
            pending=tuple(in_state(ActionState.PENDING)),
            approved=tuple(approved),
            unknown=tuple(item for item in unknown if item not in settled),
            settled=tuple(item for item in unknown if item in settled),
            autonomous=workflow.trust_level == TrustLevel.AUTONOMOUS,
        )

    @activity.defn(name=names.ACCEPT_PLAN)
    async def accept_plan(self, message: AcceptPlanInput) -> AcceptOutput:
        """Turns the sandbox's draft into a card: every action is rebuilt here, from attested reads."""
        async with self._db.user(message.user_id) as session:
            run = await runs.get_run(session, message.user_id, message.run_id, lock=True)
            if run.revision < message.revision:
                if run.replan and await session.get(PlanDraftRow, (run.id, message.revision)) is None:
                    return AcceptOutput(open_questions=0, again=True)
                await self._accept(session, run, message.revision)
            count = await session.execute(
                select(func.count())
                .select_from(QuestionRow)
                .where(col(QuestionRow.run_id) == run.id, col(QuestionRow.answer).is_(None))
            )
            return AcceptOutput(open_questions=count.scalar_one())

    async def _accept(self, session: AsyncSession, run: Run, revision: int) -> None:
        row = await session.get(PlanDraftRow, (run.id, revision))
        if row is None:
            # It would be as missing the next time.
            raise ApplicationError("the sandbox said it planned, and handed in no plan", non_retryable=True)
        draft = PlanDraft.model_validate(row.body)
        workflow = await own(session, Workflow, run.workflow_id, run.user_id, "workflow")
        set_aside: list[str] = []
        known = {
            item.key: item
            for item in (await session.execute(select(QuestionRow).where(col(QuestionRow.run_id) == run.id))).scalars()
        }
        asked = {question.key: question for question in reversed(draft.questions)}
        fresh = [question for question in asked.values() if question.key not in known]
        for question in fresh:
            session.add(
                QuestionRow(
                    user_id=run.user_id,
                    run_id=run.id,
                    key=question.key,
                    text=question.text,
                    options=list(question.options),
                )
            )
        if not fresh:
            for position, proposal in enumerate(draft.proposals):
                try:
                    # One that cannot be kept takes none of the others with it.
                    async with session.begin_nested():
                        session.add(await self._propose(session, run, workflow, proposal, position))
                except CocoError as error:
                    set_aside.append(one_line(f"{proposal.operation}: {error}"))
                except (DataError, IntegrityError):
                    set_aside.append(one_line(f"{proposal.operation}: it has something that cannot be kept"))
        card = PlanCard.of(draft, tuple(set_aside))
        await session.execute(
            update(Run)
            .where(col(Run.id) == run.id)
            .values(card=card.model_dump(mode="json"), revision=revision, replan=False, updated_at=utc_now())
        )
        await events.tell(session, run.user_id, "card", run_id=run.id, body={"revision": revision})

    async def _propose(
        self, session: AsyncSession, run: Run, workflow: Workflow, proposal: Proposal, position: int
    ) -> ActionRow:
        """The exact action of a proposal. Raises CocoError where it may not go on the card."""
        taken = await session.execute(
            select(col(ActionRow.id)).where(
                col(ActionRow.run_id) == run.id, col(ActionRow.key).in_([proposal.key, erased_key(proposal.key)])
            )
        )
        if taken.first() is not None:
            raise InvalidInput("it was proposed before")
        connection = await usable_connection(session, run.user_id, proposal.connection, workflow)
        operation = connector(connection.connector).gated(proposal.operation)
        check_granted(connector(connection.connector), operation.route, connection.scopes)
        read = await attested(session, run, connection, operation, proposal)
        action = operation.build(
            info_of(connection), proposal.arguments, ProviderResponse.model_validate(read.response) if read else None
        )
        return ActionRow(
            user_id=run.user_id,
            run_id=run.id,
            workflow_id=run.workflow_id,
            connection_id=connection.id,
            key=proposal.key,
            position=position,
            operation=proposal.operation,
            arguments=proposal.arguments,
            body=action.as_json(),
            digest=action.digest(),
            prior_read_id=read.id if read else None,
            why=proposal.why,
        )

    @activity.defn(name=names.MINT_GRANT)
    async def mint_grant(self, message: ActionRef) -> MintOutput:
        """A signed grant for an approved action, or why there is none.

        What a guardrail had covered is judged again first; where that fails, the action is back in the inbox.
        """
        try:
            async with self._db.user(message.user_id) as session:
                again, seconds = Again(), self._grant_seconds
                run = await runs.get_run(session, message.user_id, message.run_id, lock=True)
                action = await own(session, ActionRow, message.action_id, message.user_id, "action", lock=True)
                await self._check_may_write(session, action)
                if await self._covered_alone(session, run, action):
                    again = await self._autonomy.judge_again(session, run, action)
                    if again.proof is None:
                        return MintOutput(refused=Code.FORBIDDEN, stale=again.stale)
                    seconds = again.seconds(await trust.database_now(session), self._grant_seconds)
                claims = await grants.mint(
                    session, message.user_id, message.run_id, message.action_id, seconds, verdict=again.proof
                )
        except Refused as error:
            return MintOutput(refused=error.code)
        except IntegrityError as error:
            # The database holds the same line by itself. Where the two differ its word stands, and it is no reason to
            # try for ever.
            activity.logger.warning("the database refused a grant: %s", error.orig)
            await self._autonomy.put_back(message, "the database holds it: " + trust.refusal(error))
            return MintOutput(refused=Code.FORBIDDEN)
        except TakeBack as reason:
            await self._autonomy.take_back(message.user_id, message.run_id, str(reason))
            return MintOutput(refused=Code.FORBIDDEN)
        if claims is None:
            return MintOutput(recorded=True)
        return MintOutput(grant=sign(claims, self._signing_key))

    async def _check_may_write(self, session: AsyncSession, action: ActionRow) -> None:
        """Raises Refused where the action's connection may not write at all. What has begun is seen through."""
        if await session.get(EffectRow, action.id) is not None:
            return
        connection = await own(session, Connection, action.connection_id, action.user_id, "connection")
        if connection.state in {ConnectionState.READ_ONLY, ConnectionState.REVOKED, ConnectionState.CHECKING}:
            check_usable(connection.state, gated=True)
        known = connector(connection.connector)
        check_granted(known, known.gated(action.operation).route, connection.scopes)

    async def _covered_alone(self, session: AsyncSession, run: Run, action: ActionRow) -> bool:
        """Whether the action may run only by a guardrail: approved, by nobody, not begun, in a run that goes on."""
        return (
            action.state == ActionState.APPROVED
            and action.run_id == run.id
            and run.cancel_requested_at is None
            and await _not_begun(session, action.id)
            and not await approved_by_person(session, action.id)
        )

    @activity.defn(name=names.RECORD_RESULT)
    async def record_result(self, message: RecordInput) -> RecordOutput:
        """Records what the gateway's own rows show of an action."""
        async with self._db.user(message.user_id) as session:
            run = await runs.get_run(session, message.user_id, message.run_id, lock=True)
            action = await own(session, ActionRow, message.action_id, message.user_id, "action", lock=True)
            state = ActionState(action.state)
            if state is ActionState.CANCELLED:
                # The API cancelled it, which may not touch credits.
                await release(session, message.user_id, action.id)
            if state.is_final or state is ActionState.PENDING:
                return RecordOutput(state=state)
            if state is ActionState.OUTCOME_UNKNOWN:
                return RecordOutput(state=await self._record_settlement(session, run, action))
            effect = await session.get(EffectRow, action.id)
            drift = await session.get(DriftRow, action.id)
            if effect is not None and effect.state != "turned_away":
                return RecordOutput(state=await self._record_effect(session, run, action, effect))
            if drift is not None:
                return RecordOutput(state=await self._record_drift(session, run, action, drift))
            # The word is a sandbox's, which may say anything.
            code = message.failure if message.failure in set(Code) else "failed"
            cancelled = code == Code.RUN_CANCELLED and run.cancel_requested_at is not None
            if not cancelled and await is_blocked(session, run, action):
                return RecordOutput(state=state, blocked=True)
            if message.failure:
                outcome = {"sent": False, "code": code}
                state = ActionState.CANCELLED if cancelled else ActionState.FAILED
                await results.close(session, action, state, outcome, run.card)
                return RecordOutput(state=state)
            wait = await wait_of(session, message.user_id, [action.connection_id])
            return RecordOutput(state=state, wait_seconds=wait)

    async def _record_effect(self, session: AsyncSession, run: Run, action: ActionRow, effect: EffectRow) -> str:
        if effect.state == "sending":
            return "sending"
        response = ProviderResponse.model_validate(effect.response) if effect.response else None
        outcome: dict[str, Any] = {"sent": True, "status": response.status if response else None} | effect.detail
        if effect.state == "done":
            operation = connector(action.body["connector"]).gated(action.operation)
            if response is not None:
                outcome |= _result(operation, action, response)
            state = ActionState.DONE
        elif effect.state == "failed":
            state = ActionState.FAILED
        else:
            state = ActionState.OUTCOME_UNKNOWN
        await results.close(session, action, state, outcome, run.card)
        return state

    async def _record_settlement(self, session: AsyncSession, run: Run, action: ActionRow) -> str:
        verdict = await results.settled_as(session, action.id)
        if verdict is None:
            return action.state
        state = ActionState.DONE if verdict == "happened" else ActionState.FAILED
        await results.close(session, action, state, (action.outcome or {}) | {"settled": verdict}, run.card)
        return state

    async def _record_drift(self, session: AsyncSession, run: Run, action: ActionRow, drift: DriftRow) -> str:
        """Nothing was sent; the proposal comes back with today's value, for a new approval."""
        read = await session.get_one(ReadRow, drift.read_id)
        connection = await own(session, Connection, action.connection_id, action.user_id, "connection")
        operation = connector(connection.connector).gated(action.operation)
        outcome: dict[str, Any] = {"sent": False, "code": Code.DRIFTED}
        prior = action.body.get("prior") or {}
        try:
            now = operation.build(info_of(connection), action.arguments, ProviderResponse.model_validate(read.response))
        except CocoError as error:
            outcome["why"] = one_line(str(error))
        else:
            shown = prior.get("value")
            if action.shown_before is not None and await undos.is_undo(session, action):
                # What the action that is taken back had left, however often somebody changed it since.
                shown = action.shown_before
            if run.cancel_requested_at is None:
                session.add(
                    ActionRow(
                        user_id=action.user_id,
                        run_id=action.run_id,
                        workflow_id=action.workflow_id,
                        connection_id=action.connection_id,
                        key=action.key,
                        version=await next_version(session, action),
                        position=action.position,
                        supersedes=action.id,
                        origin="drift",
                        operation=action.operation,
                        arguments=action.arguments,
                        body=now.as_json(),
                        digest=now.digest(),
                        prior_read_id=read.id,
                        why=action.why,
                        shown_before=shown,
                    )
                )
            outcome["now"] = now.prior.value if now.prior else None
        await results.close(session, action, ActionState.DRIFTED, outcome, run.card)
        return ActionState.DRIFTED

    @activity.defn(name=names.SET_STATE)
    async def set_state(self, message: SetStateInput) -> None:
        """Shows where the run stands."""
        async with self._db.user(message.user_id) as session:
            await runs.set_state(session, message.user_id, message.run_id, message.state, one_line(message.reason))
            if message.state in _AT_REST:
                await digests.write(session, message.user_id, message.run_id)

    @activity.defn(name=names.FINISH_RUN)
    async def finish_run(self, message: FinishInput) -> None:
        """Ends the run."""
        async with self._db.user(message.user_id) as session:
            await results.close_left_over(session, message.user_id, message.run_id)
            reason = one_line(message.reason)
            await runs.finish(session, message.user_id, message.run_id, message.state, reason)
            await digests.write(session, message.user_id, message.run_id)

    @activity.defn(name=names.CANCEL_RUN)
    async def cancel_run(self, message: UserRun) -> None:
        """What an operator's cancel in Temporal becomes: the same as the owner's, under another name."""
        async with self._db.user(message.user_id) as session:
            run = await runs.get_run(session, message.user_id, message.run_id)
            if run.state not in runs.FINAL_RUN_STATES:
                await runs.cancel(session, message.user_id, message.run_id, actor="operator")


async def _not_begun(session: AsyncSession, action_id: UUID) -> bool:
    effect = await session.get(EffectRow, action_id)
    return effect is None or effect.state == "turned_away"


def _one_of(approved: list[UUID], blocked: Collection[UUID], begun: Collection[UUID]) -> list[UUID]:
    """Of what a run takes back, the one whose turn it is: what has begun, else the first that nothing blocks. They go
    one after the other, the newest first: two of them may be of one record."""
    on_its_way = [item for item in approved if item in begun]
    free = [item for item in approved if item not in blocked]
    return (on_its_way or free or approved)[:1]


def info_of(connection: Connection) -> ConnectionInfo:
    """What pure functions may know of a connection."""
    return ConnectionInfo(
        id=connection.id, connector=connection.connector, title=connection.title, settings=connection.settings
    )


async def usable_connection(session: AsyncSession, user_id: UUID, connection_id: str, workflow: Workflow) -> Connection:
    """The connection a proposal names, when the workflow may write through it. Raises CocoError."""
    try:
        parsed = UUID(connection_id)
    except ValueError as error:
        raise InvalidInput("it names no connection") from error
    connection = await own(session, Connection, parsed, user_id, "connection")
    if str(connection.id) not in workflow.connections:
        raise Refused("the workflow was not given this connection")
    if connection.state != ConnectionState.NEEDS_RECONNECTION:
        # One that needs reconnection may be proposed on: the action waits with the connection.
        check_usable(connection.state, gated=True)
    return connection


async def attested(
    session: AsyncSession, run: Run, connection: Connection, operation: GatedOperation[Any], proposal: Proposal
) -> ReadRow | None:
    """The gateway's own record of the read that shows the prior value, when the operation needs one.

    It must be this run's, on this connection, and of exactly the request that the operation's pure function names.
    """
    wanted = operation.prior_request(info_of(connection), operation.parse(proposal.arguments))
    if wanted is None:
        return None
    try:
        read_id = UUID(proposal.prior_read or "")
    except ValueError as error:
        raise InvalidInput("the record's current value was not read") from error
    read = await session.get(ReadRow, read_id)
    if (
        read is None
        or read.user_id != run.user_id
        or read.run_id != run.id
        or read.connection_id != connection.id
        or read.request_digest != wanted.digest()
    ):
        raise InvalidInput("the record's current value was not read")
    return read


def _result(operation: GatedOperation[Any], action: ActionRow, response: ProviderResponse) -> dict[str, Any]:
    """What the log keeps of the response; a response that cannot be understood is said to be so, the effect stands."""
    odd = {"result": {}, "note": "the provider's answer was not as documented"}
    try:
        result = operation.result(operation.parse(action.arguments), response)
    except (CocoError, ValidationError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return odd
    return {"result": result} if can_be_kept(result) else odd
