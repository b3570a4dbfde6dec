"""The one workflow: plan in the sandbox, show the card, wait, perform what was approved, record.

Postgres holds the truth about decisions; the `wake` signal says only "look again". So a signal that is lost, doubled,
late, early or forged changes nothing. No timer approves anything: at the end of a notice the guardrail is asked again,
on the control side, and only one that says so covers what its owner has not seen.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
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
        self._judged: set[UUID] = set()
        self._notice_at: datetime | None = None

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
        planned = view.revision > 0
        while not planned or view.open_questions:
            if view.cancelled:
                return await self._finish("cancelled", "")
            if view.open_questions:
                await self._show("asking", "It has a question for you.")
                view = await self._next_view()
                planned = False
                continue
            if view.revision >= MAX_PLANS:
                return await self._finish("failed", "It kept asking questions without making a plan.")
            if not await self._plan(view.revision + 1):
                return await self._finish("cancelled", "")
            planned = True
            view = await self._look()
        return await self._act(view)

    @property
    def _user_id(self) -> UUID:
        assert self._ids is not None
        return self._ids[0]

    @property
    def _run_id(self) -> UUID:
        assert self._ids is not None
        return self._ids[1]

    # -- planning ----------------------------------------------------------------------------------------------

    async def _plan(self, revision: int) -> bool:
        """Plans once in the sandbox and has it accepted. False when the run was cancelled meanwhile."""
        await self._show("planning", "")
        task = asyncio.create_task(self._plan_in_sandbox(revision))
        try:
            while not task.done():
                await workflow.wait_condition(lambda: task.done() or self._wakes > self._seen)
                if not task.done() and (await self._look()).cancelled:
                    return False
            failure = await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        if failure:
            await self._finish("failed", failure)
            raise ApplicationError("planning failed", non_retryable=True)
        await workflow.execute_activity(
            names.ACCEPT_PLAN,
            AcceptPlanInput(user_id=self._user_id, run_id=self._run_id, revision=revision),
            result_type=AcceptOutput,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=120),
            retry_policy=_TRUSTED_RETRY,
        )
        return True

    async def _plan_in_sandbox(self, revision: int) -> str:
        """Why planning failed for good, or nothing.

        What a sandbox returns is left undecoded, here and below: Postgres says what there is, and a result that cannot
        be decoded would fail the workflow's task for ever.
        """
        for attempt in range(self._tuning.tries):
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
                    return cause.message or "Planning failed."
                await workflow.sleep(_back_off(attempt))
            else:
                return ""
        return "The sandbox could not finish planning."

    # -- acting ------------------------------------------------------------------------------------------------

    async def _act(self, view: RunView) -> RunResult:
        while True:
            if view.autonomous and not view.cancelled and workflow.patched("autonomy"):
                view = await self._cover(view)
            # Cancellation stops what has not begun; whatever has, is seen through and recorded.
            for action_id in view.approved:
                if action_id not in self._performing:
                    self._performing[action_id] = asyncio.create_task(self._perform(action_id))
            for action_id in view.settled:
                await self._record(action_id, "")
            finished = self._forget_finished()
            # What finished while Postgres was being read may not be in what was read: nobody would wake us for it.
            if view.settled or (finished and workflow.patched("look-again")):
                view = await self._look()
                continue
            if not self._performing and not view.unknown and not view.approved:
                if view.cancelled:
                    return await self._finish("cancelled", "")
                if not view.pending:
                    return await self._finish("done", "")
            await self._show(*self._standing(view))
            if not self._performing and self._should_continue():
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(self._tuning)
            view = await self._next_view()

    async def _cover(self, view: RunView) -> RunView:
        """Has pending actions judged by the guardrails: each once, and again when a notice's time is up."""
        due = self._notice_at is not None and workflow.now() >= self._notice_at
        if not due and self._judged.issuperset(view.pending):
            return view
        self._judged.update(view.pending)
        output = await self._judge(last=False)
        if output.reads:
            await self._read_facts(output.reads)
            output = await self._judge(last=True)
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
        return "waiting", "Actions wait for your approval."

    async def _perform(self, action_id: UUID) -> None:
        """Carries one approved action to a recorded result."""
        failure = ""
        for attempt in range(self._tuning.tries):
            minted: MintOutput = await workflow.execute_activity(
                names.MINT_GRANT,
                ActionRef(user_id=self._user_id, run_id=self._run_id, action_id=action_id),
                result_type=MintOutput,
                task_queue=CONTROL_QUEUE,
                start_to_close_timeout=timedelta(seconds=20),
                retry_policy=_TRUSTED_RETRY,
            )
            failure = minted.refused
            if minted.grant:
                failure = await self._perform_in_sandbox(action_id, minted.grant)
            state = await self._record(action_id, failure)
            if state not in {"approved", "sending"}:
                return
            await workflow.sleep(_back_off(attempt))
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
        output: RecordOutput = await workflow.execute_activity(
            names.RECORD_RESULT,
            RecordInput(user_id=self._user_id, run_id=self._run_id, action_id=action_id, failure=failure),
            result_type=RecordOutput,
            task_queue=CONTROL_QUEUE,
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=_TRUSTED_RETRY,
        )
        return output.state

    # -- waiting and telling -----------------------------------------------------------------------------------

    async def _next_view(self) -> RunView:
        """What Postgres says after the next wake-up or finished action."""
        until: float | None = None
        if self._notice_at is not None:
            until = max(0.0, (self._notice_at - workflow.now()).total_seconds())
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
        if state == self._state:
            return
        self._state = state
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


def _back_off(attempt: int) -> timedelta:
    """1, 2, 4, … seconds, at most a minute."""
    return timedelta(seconds=min(60, 2**attempt))
