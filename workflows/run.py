"""The one workflow: plan in the sandbox, show the card, wait, perform what was approved, record.

Postgres holds the truth about decisions; the `wake` signal says only "look again". So a signal that is lost, doubled,
late, early or forged changes nothing. No timer approves anything: at the end of a notice the guardrail is asked again,
on the control side, and only one that says so covers what its owner has not seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy, SearchAttributeKey
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.exceptions import TimeoutError as ActivityTimeout

with workflow.unsafe.imports_passed_through():
    from activities import names
    from activities.names import (
        AcceptOutput,
        AcceptPlanInput,
        ActionRef,
        CoverInput,
        CoverOutput,
        FactsRead,
        FinishInput,
        MintOutput,
        PerformInput,
        PlanInput,
        ReadFactsInput,
        RecordInput,
        RecordOutput,
        RunView,
        SetStateInput,
        UserRun,
    )
    from coco.errors import Code
    from coco.names import (
        CONTROL_QUEUE,
        RUN_WORKFLOW,
        SEARCH_STATE,
        STATE_QUERY,
        WAKE_SIGNAL,
        parse_workflow_id,
        sandbox_queue,
    )
    from coco.requests import Frozen

STATE = SearchAttributeKey.for_keyword(SEARCH_STATE)

MAX_PLANS = 5
"""Rounds of questions before a run gives up."""
AT_ONCE = 3
"""Actions of one run on their way at a time: a sandbox has four hands, and other runs of its user need one."""
MOST_WAITS = 500
"""Times that one task waits for a provider's pace before it counts as not carried out."""
NEEDS_RECONNECTION = "A connection needs to be connected again. The run goes on where it was once it is."


FACTS_STEPS = 2
"""Times that facts are read before a verdict: what a first answer names (a recipient's deals) is read in the second."""
MAX_READ_AGAIN = 3
"""Times that an action's facts are read again because they were too old when its grant was due."""


class RunInput(Frozen):
    """How a run behaves; what it is about comes from its workflow id and from Postgres."""

    continue_after_events: int = 10_000
    """History length at which it continues as new (the server's own suggestion counts as well)."""
    pickup_seconds: int = 60
    """How long a task may wait for a sandbox before the sandbox is looked after again."""
    plan_seconds: int = 600
    perform_seconds: int = 180
    heartbeat_seconds: int = 15
    tries: int = 20
    """Times a task is handed to the sandbox before it counts as not carried out."""


class RunResult(Frozen):
    state: str


@workflow.defn(name=RUN_WORKFLOW)
class RunWorkflow:
    """State lives in Postgres; what is kept here is what this execution is doing right now."""

    @workflow.init
    def __init__(self, tuning: RunInput) -> None:
        self._ids = parse_workflow_id(workflow.info().workflow_id)
        self._tuning = tuning
        self._wakes = 0
        self._seen = 0
        self._performing: dict[UUID, asyncio.Task[None]] = {}
        self._state = ""
        self._reason = ""
        self._judged: set[UUID] = set()
        self._read_again: dict[UUID, int] = {}
        self._notice_at: datetime | None = None
        self._short_until: datetime | None = None

    @workflow.signal(name=WAKE_SIGNAL)
    def wake(self) -> None:
        """Look again. Carries nothing, since nothing in a signal would be believed."""
        self._wakes += 1

    @workflow.query(name=STATE_QUERY)
    def state(self) -> str:
        return self._state

    @workflow.run
    async def run(self, tuning: RunInput) -> RunResult | None:
        if self._ids is None:
            # Started by hand under an id that Coco did not make: there is no user, no key and nothing to do.
            return None
        while True:
            try:
                return await self._drive()
            except (asyncio.CancelledError, ActivityError) as error:
                if is_cancelled_exception(error):
                    # An operator cancelled in Temporal: the same as the owner's cancel, seen through the same way.
                    await self._trusted(names.CANCEL_RUN)
                    continue
                await self._finish("failed", "It stopped on an internal error; an operator can see more.")
                raise ApplicationError("the run failed", non_retryable=True) from error

    async def _drive(self) -> RunResult:
        view = await self._look()
        while True:
            planned = view.revision > 0 and not view.replan
            while not planned or view.open_questions:
                if view.cancelled:
                    return await self._finish("cancelled", "")
                if view.paused or view.broken:
                    await self._show(*_held(view))
                    view = await self._next_view(idle=True)
                    continue
                if view.open_questions:
                    await self._show("asking", "It has a question for you.")
                    view = await self._next_view()
                    planned = False
                    continue
                if view.revision >= MAX_PLANS and not view.replan:
                    return await self._finish("failed", "It kept asking questions without making a plan.")
                outcome = await self._plan(view.revision + 1)
                if outcome == "cancelled":
                    return await self._finish("cancelled", "")
                view = await self._look()
                planned = outcome == "planned"
                if outcome == "held" and view.unreadable and not view.broken and not view.cancelled:
                    # It could not plan without a connection that was broken before it began.
                    await self._show("needs_reconnection", NEEDS_RECONNECTION)
                    view = await self._next_view(idle=True)
            ended = await self._act(view)
            if ended is not None:
                return ended
            # What was planned went with a connection's data: it is planned again.
            view = await self._look()

    @property
    def _user_id(self) -> UUID:
        assert self._ids is not None
        return self._ids[0]

    @property
    def _run_id(self) -> UUID:
        assert self._ids is not None
        return self._ids[1]

    # -- planning ----------------------------------------------------------------------------------------------

    async def _plan(self, revision: int) -> Literal["planned", "cancelled", "held"]:
        """Plans once in the sandbox and has it accepted. Held: a connection that it needs carries nothing."""
        await self._show("planning", "")
        task = asyncio.create_task(self._plan_in_sandbox(revision))
        try:
            while not task.done():
                await workflow.wait_condition(lambda: task.done() or self._wakes > self._seen)
                if not task.done():
                    view = await self._look()
                    if view.cancelled:
                        return "cancelled"
                    if view.broken:
                        return "held"
            code, failure = await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if failure:
            if code in {Code.CONNECTION_UNUSABLE, Code.INVALID} and workflow.patched("connecting-again"):
                view = await self._look()
                if view.cancelled:
                    return "cancelled"
                if view.broken or view.unreadable:
                    return "held"
            await self._finish("failed", failure)
            raise ApplicationError("planning failed", non_retryable=True)
        accepted: AcceptOutput = await workflow.execute_activity(
            names.ACCEPT_PLAN,
            AcceptPlanInput(user_id=self._user_id, run_id=self._run_id, revision=revision),
            result_type=AcceptOutput,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=120),
            retry_policy=_TRUSTED_RETRY,
        )
        return "held" if accepted.again else "planned"

    async def _plan_in_sandbox(self, revision: int) -> tuple[str, str]:
        """The code and the text of why planning failed for good, or nothing.

        What a sandbox returns is left undecoded, here and below: Postgres says what there is, and a result that cannot
        be decoded would fail the workflow's task for ever.
        """
        attempt = waits = 0
        while attempt < self._tuning.tries and waits < MOST_WAITS:
            await self._ensure_sandbox()
            try:
                await workflow.execute_activity(
                    names.PLAN,
                    PlanInput(run_id=self._run_id, revision=revision),
                    result_type=RawValue,
                    task_queue=sandbox_queue(self._user_id),
                    schedule_to_start_timeout=timedelta(seconds=self._tuning.pickup_seconds),
                    start_to_close_timeout=timedelta(seconds=self._tuning.plan_seconds),
                    heartbeat_timeout=timedelta(seconds=self._tuning.heartbeat_seconds),
                    retry_policy=_ONCE,
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                cause = error.cause
                if isinstance(cause, ApplicationError) and cause.non_retryable:
                    return cause.type or "failed", cause.message or "Planning failed."
                if isinstance(cause, ApplicationError) and cause.type == Code.THROTTLED:
                    # How long is for Postgres to say, not for the sandbox.
                    waits += 1
                    await workflow.sleep(max(1.0, (await self._look()).wait_seconds))
                    continue
                await workflow.sleep(_back_off(attempt))
                attempt += 1
            else:
                return "", ""
        return "failed", "The sandbox could not finish planning."

    # -- acting ------------------------------------------------------------------------------------------------

    async def _act(self, view: RunView) -> RunResult | None:
        """Until the run ends; None where it is to be planned again."""
        while True:
            if view.autonomous and not view.cancelled and not view.paused and workflow.patched("autonomy"):
                view = await self._cover(view)
            # Cancellation stops what has not begun; whatever has, is seen through and recorded.
            for action_id in self._next_ones(view):
                self._performing[action_id] = asyncio.create_task(self._perform(action_id))
            for action_id in view.settled:
                await self._record(action_id, "")
            finished = self._forget_finished()
            # What finished while Postgres was being read may not be in what was read: nobody would wake us for it.
            if view.settled or (finished and workflow.patched("look-again")):
                view = await self._look()
                continue
            if view.replan and not (view.cancelled or view.broken or view.paused or self._performing or view.unknown):
                return None
            open_still = view.unknown or view.approved or (view.replan and not view.cancelled)
            if not self._performing and not open_still:
                if view.cancelled:
                    return await self._finish("cancelled", "")
                if not view.pending:
                    return await self._finish("done", "")
            await self._show(*self._standing(view))
            if not self._performing and self._should_continue():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._tuning)
            view = await self._next_view(idle=view.paused)

    def _next_ones(self, view: RunView) -> list[UUID]:
        """Approved actions to begin now, in the plan's order."""
        waiting = [item for item in view.approved if item not in self._performing and item not in view.blocked]
        if not workflow.patched("few-at-once"):
            return waiting
        if self._should_continue():
            # What is on its way is seen through first; the next execution goes on.
            return []
        return waiting[: max(0, AT_ONCE - len(self._performing))]

    async def _cover(self, view: RunView) -> RunView:
        """Has pending actions judged by the guardrails: each once, and again when a notice's time is up."""
        due = self._notice_at is not None and workflow.now() >= self._notice_at
        if not due and self._judged.issuperset(view.pending):
            return view
        self._judged.update(view.pending)
        output = await self._judge(last=False)
        for step in range(1, FACTS_STEPS + 1):
            if not output.reads:
                break
            await self._read_facts(output.reads)
            output = await self._judge(last=step == FACTS_STEPS)
        self._notice_at = output.wake_at
        return await self._look()

    async def _judge(self, *, last: bool) -> CoverOutput:
        output: CoverOutput = await workflow.execute_activity(
            names.COVER,
            CoverInput(user_id=self._user_id, run_id=self._run_id, last=last),
            result_type=CoverOutput,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=120),
            retry_policy=_TRUSTED_RETRY,
        )
        return output

    async def _read_facts(self, reads: tuple[FactsRead, ...]) -> None:
        """Once, and as far as it gets: what could not be read is not known, and waits for approval."""
        # The gateway carries reads for a run while it plans.
        await self._show("planning", "Reading what its guardrails look at.")
        await self._ensure_sandbox()
        try:
            await workflow.execute_activity(
                names.READ_FACTS,
                ReadFactsInput(run_id=self._run_id, reads=reads),
                result_type=RawValue,
                task_queue=sandbox_queue(self._user_id),
                schedule_to_start_timeout=timedelta(seconds=self._tuning.pickup_seconds),
                start_to_close_timeout=timedelta(seconds=self._tuning.plan_seconds),
                heartbeat_timeout=timedelta(seconds=self._tuning.heartbeat_seconds),
                retry_policy=_ONCE,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            workflow.logger.warning("the facts that guardrails look at could not be read")

    def _standing(self, view: RunView) -> tuple[str, str]:
        if view.unknown:
            return "attention", "It is not known whether an action took place. Please say."
        if self._performing:
            return "working", ""
        if view.paused or view.broken:
            return _held(view)
        if view.short:
            return "waiting", f"It waits for credits, and goes on by itself. {view.short}"
        if view.approved and set(view.approved) <= set(view.blocked) and not view.pending:
            return "waiting", "A connection is read-only: its approved actions wait until it may write again."
        return "waiting", "Actions wait for your approval."

    async def _perform(self, action_id: UUID) -> None:
        """Carries one approved action to a recorded result."""
        failure = ""
        attempt = waits = 0
        while attempt < self._tuning.tries and waits < MOST_WAITS:
            minted: MintOutput = await workflow.execute_activity(
                names.MINT_GRANT,
                ActionRef(user_id=self._user_id, run_id=self._run_id, action_id=action_id),
                result_type=MintOutput,
                task_queue=CONTROL_QUEUE,
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=_TRUSTED_RETRY,
            )
            failure = minted.refused
            if minted.stale and self._read_again.get(action_id, 0) < MAX_READ_AGAIN:
                self._read_again[action_id] = self._read_again.get(action_id, 0) + 1
                self._judged.discard(action_id)
            if minted.grant:
                failure = await self._perform_in_sandbox(action_id, minted.grant)
            # What a change of the connection, of the run or of the credits may undo is no reason to give up yet.
            recorded = await self._recorded(action_id, "" if failure in _MAY_PASS else failure)
            if recorded.state not in {"approved", "sending"} or recorded.blocked:
                return
            if recorded.wait_seconds > 0:
                waits += 1
                await workflow.sleep(max(1.0, recorded.wait_seconds))
            else:
                await workflow.sleep(_back_off(attempt))
                attempt += 1
        await self._record(action_id, failure or "unavailable")

    async def _perform_in_sandbox(self, action_id: UUID, grant: str) -> str:
        """The code of a refusal that trying again would not change, or nothing."""
        await self._ensure_sandbox()
        try:
            await workflow.execute_activity(
                names.PERFORM,
                PerformInput(action_id=action_id, grant=grant),
                result_type=RawValue,
                task_queue=sandbox_queue(self._user_id),
                schedule_to_start_timeout=timedelta(seconds=self._tuning.pickup_seconds),
                start_to_close_timeout=timedelta(seconds=self._tuning.perform_seconds),
                heartbeat_timeout=timedelta(seconds=self._tuning.heartbeat_seconds),
                # One try: whether another is safe is for the gateway's record to say, not for a retry policy.
                retry_policy=_ONCE,
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            cause = error.cause
            if isinstance(cause, ApplicationError) and cause.non_retryable:
                return cause.type or "failed"
            if not isinstance(cause, ApplicationError | ActivityTimeout):
                workflow.logger.warning("an action's sandbox task ended unexpectedly")
        return ""

    async def _record(self, action_id: UUID, failure: str) -> str:
        return (await self._recorded(action_id, failure)).state

    async def _recorded(self, action_id: UUID, failure: str) -> RecordOutput:
        output: RecordOutput = await workflow.execute_activity(
            names.RECORD_RESULT,
            RecordInput(user_id=self._user_id, run_id=self._run_id, action_id=action_id, failure=failure),
            result_type=RecordOutput,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=_TRUSTED_RETRY,
        )
        return output

    # -- waiting and telling -----------------------------------------------------------------------------------

    async def _next_view(self, *, idle: bool = False) -> RunView:
        """What Postgres says after the next wake-up or finished action. `idle`: no notice's time matters meanwhile."""
        until: float | None = None
        times = [item for item in (None if idle else self._notice_at, self._short_until) if item is not None]
        if times:
            until = max(0.0, (min(times) - workflow.now()).total_seconds())
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._wakes > self._seen or any(task.done() for task in self._performing.values()),
                timeout=until,
            )
        self._forget_finished()
        return await self._look()

    def _forget_finished(self) -> bool:
        """Whether there was any."""
        finished = [key for key, task in self._performing.items() if task.done()]
        for action_id in finished:
            # Its exception, if any, belongs to the run.
            self._performing.pop(action_id).result()
        return bool(finished)

    async def _look(self) -> RunView:
        self._seen = self._wakes
        view: RunView = await workflow.execute_activity(
            names.LOAD_RUN,
            UserRun(user_id=self._user_id, run_id=self._run_id),
            result_type=RunView,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=_TRUSTED_RETRY,
        )
        self._short_until = view.short_until
        return view

    async def _ensure_sandbox(self) -> None:
        await self._trusted(names.ENSURE_SANDBOX)

    async def _trusted(self, activity: str) -> None:
        await workflow.execute_activity(
            activity,
            UserRun(user_id=self._user_id, run_id=self._run_id),
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=120),
            retry_policy=_TRUSTED_RETRY,
        )

    async def _show(self, state: str, reason: str) -> None:
        if state == self._state and (reason == self._reason or not workflow.patched("reasons")):
            return
        self._state, self._reason = state, reason
        workflow.upsert_search_attributes([STATE.value_set(state)])
        await workflow.execute_activity(
            names.SET_STATE,
            SetStateInput(user_id=self._user_id, run_id=self._run_id, state=state, reason=reason),
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=_TRUSTED_RETRY,
        )

    async def _finish(self, state: str, reason: str) -> RunResult:
        self._state = state
        workflow.upsert_search_attributes([STATE.value_set(state)])
        await workflow.execute_activity(
            names.FINISH_RUN,
            FinishInput.model_validate(
                {"user_id": self._user_id, "run_id": self._run_id, "state": state, "reason": reason}
            ),
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=_TRUSTED_RETRY,
        )
        await workflow.wait_condition(workflow.all_handlers_finished)
        return RunResult(state=state)

    def _should_continue(self) -> bool:
        info = workflow.info()
        return (
            info.is_continue_as_new_suggested()
            or info.get_current_history_length() >= self._tuning.continue_after_events
        )


_TRUSTED_RETRY = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
_ONCE = RetryPolicy(maximum_attempts=1)
_MAY_PASS = frozenset({Code.CONNECTION_UNUSABLE.value, Code.RUN_PAUSED.value, Code.CREDITS.value})


def _held(view: RunView) -> tuple[str, str]:
    """What a run says that its owner, or a connection, holds."""
    return ("paused", "You paused it.") if view.paused else ("needs_reconnection", NEEDS_RECONNECTION)


def _back_off(attempt: int) -> timedelta:
    """1, 2, 4, … seconds, at most a minute."""
    return timedelta(seconds=min(60, 2**attempt))
