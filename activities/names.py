"""Names and messages of the activities: all that workflows know of them. Persisted in histories; never renamed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from coco.requests import Frozen, PreparedRequest

PLAN = "coco.plan"
"""In the sandbox: read, reason, hand in a plan."""
PERFORM = "coco.perform"
"""In the sandbox: carry out one action with its grant."""
ENSURE_SANDBOX = "coco.ensure_sandbox"
ACCEPT_PLAN = "coco.accept_plan"
LOAD_RUN = "coco.load_run"
MINT_GRANT = "coco.mint_grant"
RECORD_RESULT = "coco.record_result"
SET_STATE = "coco.set_state"
FINISH_RUN = "coco.finish_run"
CANCEL_RUN = "coco.cancel_run"
"""What an operator's cancel in Temporal becomes."""
COVER = "coco.cover"
"""Judges a run's pending actions by its workflow's guardrails."""
READ_FACTS = "coco.read_facts"
"""In the sandbox: reads, through the gateway, what guardrails look at."""
START_SCHEDULED = "coco.start_scheduled"
"""Makes the run that a schedule is due."""

GATED = frozenset({PERFORM})
"""Activities that the outbound interceptor lets start only with a grant in their input."""


class PlanInput(Frozen):
    run_id: UUID
    revision: int


class PlanOutput(Frozen):
    """Counts only: the plan itself was handed to the gateway."""

    run_id: UUID
    revision: int
    questions: int
    proposals: int


class PerformInput(Frozen):
    action_id: UUID
    grant: Annotated[str, Field(min_length=1, max_length=4096, repr=False)]


class PerformOutput(Frozen):
    """The sandbox's word on how it went; the control side reads the gateway's own record instead."""

    action_id: UUID
    state: Literal["done", "failed", "unknown", "drifted"]


class UserRun(Frozen):
    """Which run of which user a trusted activity is about."""

    user_id: UUID
    run_id: UUID


class AcceptPlanInput(UserRun):
    revision: int


class RunView(Frozen):
    """What a run decides its next step by: read fresh from Postgres, never carried in signals."""

    cancelled: bool
    revision: int
    """The plan revision accepted last; 0 before the first."""
    open_questions: int
    pending: tuple[UUID, ...]
    approved: tuple[UUID, ...]
    unknown: tuple[UUID, ...]
    settled: tuple[UUID, ...]
    """Unknown outcomes that a person has settled and nobody has recorded yet."""
    autonomous: bool = False
    """The workflow may run inside its guardrails; which of its actions is decided by COVER."""
    paused: bool = False
    """Its owner has paused it: none of its actions begins."""
    blocked: tuple[UUID, ...] = ()
    """Those of `approved` that may not begin now: paused, or their connection does not write. A wake-up tells."""
    broken: bool = False
    """Something that the run needs has to be connected again."""
    unreadable: bool = False
    """Some connection of the workflow has to be connected again, needed or not."""
    replan: bool = False
    """What was planned went with a connection's data: it is planned again."""
    wait_seconds: float = 0.0
    """How long a provider wants to be left alone."""
    short: str = ""
    """Why approved actions wait for credits, in a person's words."""
    short_until: datetime | None = None
    """When a budget's next period lets the first of them go on by itself."""


class ActionRef(UserRun):
    action_id: UUID


class MintOutput(Frozen):
    """A grant, or why there is none. `recorded` says that the action needs no sending any more."""

    grant: Annotated[str, Field(repr=False)] = ""
    recorded: bool = False
    refused: str = ""
    stale: bool = False
    """What a guardrail had covered was read too long ago: have it read and judged again."""


class RecordInput(ActionRef):
    failure: str = ""
    """Why the sandbox could not have it sent, as an error code; counts only where the gateway shows no sending."""


class RecordOutput(Frozen):
    state: str
    """The action's state after recording; `sending` where the gateway has not finished."""
    blocked: bool = False
    """It is approved and waits: for its connection, or for its run to be resumed."""
    wait_seconds: float = 0.0
    """How long its provider wants to be left alone."""


class AcceptOutput(Frozen):
    open_questions: int
    again: bool = False
    """What was handed in went with a connection's data: plan again."""


class SetStateInput(UserRun):
    state: str
    reason: str = ""


class FinishInput(UserRun):
    state: Literal["done", "cancelled", "failed"]
    reason: str = ""


class FactsRead(Frozen):
    """One read that the control side wants carried and attested. What it answers is read from the gateway's record."""

    connection_id: UUID
    request: PreparedRequest


class ReadFactsInput(Frozen):
    run_id: UUID
    reads: tuple[FactsRead, ...]


class ReadFactsOutput(Frozen):
    """The sandbox's word on how many it had carried."""

    read: int


class CoverInput(UserRun):
    last: bool = False
    """No more reads are asked for: what is not known by now is held."""


class CoverOutput(Frozen):
    reads: tuple[FactsRead, ...] = ()
    """Facts that are missing or old. Where there are any, nothing was judged yet."""
    wake_at: datetime | None = None
    """When the next notice's time is up."""
