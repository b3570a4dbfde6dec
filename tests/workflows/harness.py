"""Runs the real workflow and trusted activities on real Temporal and Postgres, beside a sandbox worker that the test
scripts: it stands where a user's sandbox and the gateway stand, so it may also lie.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlmodel import col
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities import names
from activities.connectors.base import ConnectionInfo
from activities.connectors.hubspot.objects import CONTACTS
from activities.connectors.registry import connector
from activities.names import PerformInput, PerformOutput, PlanInput, PlanOutput, ReadFactsInput, ReadFactsOutput
from activities.trusted import TrustedActivities
from coco import grants as grant_rules
from coco.canonical import canonical
from coco.decisions import Verdict
from coco.names import CONTROL_QUEUE, sandbox_queue, temporal_workflow_id
from coco.plans import PlanDraft, Proposal, Question
from coco.requests import PreparedRequest, ProviderResponse
from store import decisions, keys, runs
from store.credits import open_account
from store.tables import (
    ActionRow,
    AuditRow,
    Connection,
    CreditAccount,
    DriftRow,
    EffectRow,
    PlanDraftRow,
    QuestionRow,
    ReadRow,
    Run,
    SandboxRow,
    User,
    Workflow,
)
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.temporal_server import TemporalServer
from workers.codec import data_converter
from workers.dispatcher import Dispatcher
from workers.keyring import KeyRing
from workflows.gate import GateInterceptor
from workflows.run import RunInput, RunWorkflow
from workflows.schedule import ScheduledWorkflow

TUNING = RunInput(pickup_seconds=5, plan_seconds=20, perform_seconds=20, heartbeat_seconds=10)
SIGNING_KEY = grant_rules.new_signing_key()


@dataclass(frozen=True)
class Lie:
    """What a sandbox answers that hands no plan in."""

    result: Any


Planner = Callable[["World", PlanInput], Awaitable["PlanDraft | Lie"]]
Performer = Callable[["World", PerformInput], Awaitable["str | Lie"]]
FactsReader = Callable[["World", ReadFactsInput], Awaitable[int]]


@dataclass
class World:
    """One user with one workflow, and everything that runs for them."""

    postgres: Postgres
    server: TemporalServer
    client: Client
    dispatcher: Dispatcher
    user_id: UUID
    workflow_id: UUID
    connection: ConnectionInfo
    tuning: RunInput
    plan: Planner
    perform: Performer
    read_facts: FactsReader
    performed: list[PerformInput] = field(default_factory=list)
    sandbox_starts: int = 0
    broken_starts: int = 0
    started: list[UUID] = field(default_factory=list)

    # -- what people do ----------------------------------------------------------------------------------------

    async def start(self, *, deliver: bool = True) -> UUID:
        async with self.postgres.api.user(self.user_id) as session:
            run = await runs.create_run(session, self.user_id, self.workflow_id)
        self.started.append(run.id)
        if deliver:
            await self.deliver()
        return run.id

    async def decide(
        self, action: ActionRow, verdict: Verdict = Verdict.APPROVE, reason: str = "", *, deliver: bool = True
    ) -> None:
        async with self.postgres.api.user(self.user_id) as session:
            await decisions.decide(session, self.user_id, action.id, verdict, action.digest, reason)
        if deliver:
            await self.deliver()

    async def edit(self, action: ActionRow, arguments: dict[str, Any], operation: str | None = None) -> ActionRow:
        hubspot = connector("hubspot")
        async with self.postgres.api.user(self.user_id) as session:
            row = await decisions.edit(
                session,
                self.user_id,
                action.id,
                action.digest,
                arguments,
                operation,
                lambda name, args, response: hubspot.gated(name).build(self.connection, args, response),
            )
        await self.deliver()
        return row

    async def answer(self, run_id: UUID, text_: str) -> None:
        async with self.postgres.api.user(self.user_id) as session:
            question = (
                await session.execute(
                    select(QuestionRow).where(col(QuestionRow.run_id) == run_id, col(QuestionRow.answer).is_(None))
                )
            ).scalar_one()
            await runs.answer(session, self.user_id, question.id, text_)
        await self.deliver()

    async def cancel(self, run_id: UUID) -> None:
        async with self.postgres.api.user(self.user_id) as session:
            await runs.cancel(session, self.user_id, run_id)
        await self.deliver()

    async def deliver(self) -> None:
        """Delivers every owed wake-up, as the control worker's dispatcher does."""
        while await self.dispatcher.deliver_due():
            pass

    # -- looking -----------------------------------------------------------------------------------------------

    def handle(self, run_id: UUID) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(temporal_workflow_id(self.user_id, run_id))

    async def run(self, run_id: UUID) -> Run:
        async with self.postgres.api.user(self.user_id) as session:
            return await session.get_one(Run, run_id)

    async def actions(self, run_id: UUID) -> list[ActionRow]:
        async with self.postgres.api.user(self.user_id) as session:
            return list(
                (
                    await session.execute(
                        select(ActionRow)
                        .where(col(ActionRow.run_id) == run_id)
                        .order_by(col(ActionRow.position), col(ActionRow.version))
                    )
                ).scalars()
            )

    async def until(self, run_id: UUID, *states: str) -> Run:
        """The run once it is in one of the states."""
        for _ in range(600):
            run = await self.run(run_id)
            if run.state in states:
                return run
            await asyncio.sleep(0.05)
        raise AssertionError(f"the run is {run.state} ({run.reason}), not {states}")

    async def until_reason(self, run_id: UUID, part: str) -> Run:
        """The run once it says that."""
        for _ in range(600):
            run = await self.run(run_id)
            if part in run.reason:
                return run
            await asyncio.sleep(0.05)
        raise AssertionError(f"the run is {run.state} ({run.reason}), and does not say {part!r}")

    async def until_action(self, run_id: UUID, key: str, *states: str) -> ActionRow:
        """The newest version of the action with that key, once it is in one of the states."""
        for _ in range(600):
            rows = [row for row in await self.actions(run_id) if row.key == key]
            if rows and rows[-1].state in states:
                return rows[-1]
            await asyncio.sleep(0.05)
        raise AssertionError(f"{key} is {[row.state for row in rows]}, not {states}")

    async def settle_down(self, run_id: UUID) -> None:
        """Returns when the run's workflow has nothing left to do for now."""
        quiet = 0
        for _ in range(400):
            description = await self.handle(run_id).describe()
            pending = description.raw_description.pending_activities
            task = description.raw_description.HasField("pending_workflow_task")
            quiet = 0 if pending or task else quiet + 1
            if quiet >= 4:
                return
            await asyncio.sleep(0.05)
        raise AssertionError("the workflow did not come to rest")

    async def balance(self) -> tuple[int, int]:
        async with self.postgres.api.user(self.user_id) as session:
            account = await session.get_one(CreditAccount, self.user_id)
            return account.balance, account.reserved

    async def audit(self, kind: str) -> list[AuditRow]:
        async with self.postgres.api.user(self.user_id) as session:
            rows = await session.execute(select(AuditRow).where(col(AuditRow.kind) == kind).order_by(col(AuditRow.seq)))
            return list(rows.scalars())

    # -- what the gateway's rows would say ---------------------------------------------------------------------

    async def attest(self, run_id: UUID, contact: str, properties: dict[str, str | None]) -> str:
        """The read before a write, as the gateway keeps it: contact `contact` with these values."""
        operation = connector("hubspot").gated("contacts.update")
        arguments = operation.parse({"id": contact, "properties": {"jobtitle": "x"}})
        request = operation.prior_request(self.connection, arguments)
        assert request is not None
        body = canonical({"id": contact, "properties": properties, "archived": False})
        response = ProviderResponse.of(200, [("content-type", "application/json")], body)
        return str(await self.keep_read(run_id, request, response))

    async def keep_read(
        self,
        run_id: UUID,
        request: PreparedRequest,
        response: ProviderResponse,
        *,
        at: datetime | None = None,
        connection_id: UUID | None = None,
    ) -> UUID:
        """A read row as the gateway keeps it; of the CRM, and now, where not said otherwise."""
        row = ReadRow(
            user_id=self.user_id,
            run_id=run_id,
            connection_id=connection_id or self.connection.id,
            request=request.as_json(),
            request_digest=request.digest(),
            response=response.model_dump(mode="json"),
            response_digest=response.digest(),
        )
        if at is not None:
            row.at = at
        async with self.postgres.gateway.user(self.user_id) as session:
            session.add(row)
            await session.flush()
        return row.id

    async def effect(self, message: PerformInput, state: str, body: str = '{"id": "1"}') -> None:
        """What the gateway writes for a sending that ended in `state`."""
        claims = grant_rules.verify(message.grant, grant_rules.public_key(SIGNING_KEY))
        response = ProviderResponse(status=200 if state == "done" else 400, body=body)
        async with self.postgres.gateway.user(self.user_id) as session:
            if await session.get(EffectRow, claims.action) is not None:
                return
            await session.execute(text("UPDATE grants SET spent_at = now() WHERE jti = :j"), {"j": claims.jti})
            session.add(
                EffectRow(
                    action_id=claims.action,
                    user_id=self.user_id,
                    jti=claims.jti,
                    state=state,
                    request_digest="0" * 64,
                    response=None if state == "unknown" else response.model_dump(mode="json"),
                )
            )

    async def drift(self, run_id: UUID, message: PerformInput, contact: str, now: dict[str, str | None]) -> None:
        read_id = await self.attest(run_id, contact, now)
        async with self.postgres.gateway.user(self.user_id) as session:
            session.add(DriftRow(action_id=message.action_id, user_id=self.user_id, read_id=UUID(read_id)))


def a_contact(**changes: str | None) -> dict[str, str | None]:
    """A contact's properties as the prior read returns them."""
    return dict.fromkeys(CONTACTS.read_along) | {"firstname": "Ada", "email": "ada@example.com"} | changes


async def two_field_writes(world: World, message: PlanInput) -> PlanDraft:
    """The ordinary plan of these tests: two contacts, one field each."""
    proposals = []
    for number in ("1", "2"):
        read = await world.attest(message.run_id, number, a_contact(jobtitle="Engineer"))
        proposals.append(
            Proposal(
                key=f"contact-{number}",
                connection=str(world.connection.id),
                operation="contacts.update",
                arguments={"id": number, "properties": {"jobtitle": "CTO"}},
                prior_read=read,
                why="Their page says so.",
            )
        )
    return PlanDraft(goal="Fix titles", steps=("read", "write"), reasoning="MARKER-REASON", proposals=tuple(proposals))


async def one_question_then_writes(world: World, message: PlanInput) -> PlanDraft:
    if message.revision == 1:
        question = Question(key="title", text="Which title?", options=("CTO", "CEO"))
        return PlanDraft(goal="Fix titles", questions=(question,))
    return await two_field_writes(world, message)


async def reads_nothing(world: World, message: ReadFactsInput) -> int:
    """The sandbox has no facts to read, or will not read them."""
    return 0


async def works(world: World, message: PerformInput) -> str:
    """The gateway sent it and the provider answered."""
    await world.effect(message, "done")
    return "done"


@asynccontextmanager
async def a_world(
    postgres: Postgres,
    server: TemporalServer,
    *,
    plan: Planner = two_field_writes,
    perform: Performer = works,
    read_facts: FactsReader = reads_nothing,
    tuning: RunInput = TUNING,
    encrypted: bool = True,
) -> AsyncIterator[World]:
    """A user, a workflow, a control worker and a scripted sandbox worker, until the block ends."""
    user_id = uuid4()
    async with postgres.api.user(user_id) as session:
        session.add(User(id=user_id, email=f"{user_id}@example.com", password_hash="x"))
        await session.flush()
        await keys.make(session, user_id, postgres.master)
        await open_account(session, user_id)
        session.add(SandboxRow(user_id=user_id))
        connection = Connection(
            user_id=user_id,
            connector="hubspot",
            title="CRM",
            base_url="http://127.0.0.1:1",
            scopes=every_scope("hubspot"),
        )
        session.add(connection)
        await session.flush()
        workflow = Workflow(
            user_id=user_id, title="Titles", playbook="enrich_tagged_contacts", connections=[str(connection.id)]
        )
        session.add(workflow)
        await session.flush()
    ring = KeyRing(postgres.control, postgres.master)
    client = await Client.connect(
        server.address, data_converter=data_converter(ring) if encrypted else pydantic_data_converter
    )
    world = World(
        postgres=postgres,
        server=server,
        client=client,
        dispatcher=Dispatcher(postgres.control, client, tuning),
        user_id=user_id,
        workflow_id=workflow.id,
        connection=ConnectionInfo(id=connection.id, connector="hubspot", title="CRM"),
        tuning=tuning,
        plan=plan,
        perform=perform,
        read_facts=read_facts,
    )

    @activity.defn(name=names.PLAN)
    async def plan_run(message: PlanInput) -> Any:
        draft = await world.plan(world, message)
        if isinstance(draft, Lie):
            return draft.result
        async with postgres.gateway.user(user_id) as session:
            if await session.get(PlanDraftRow, (message.run_id, message.revision)) is None:
                session.add(
                    PlanDraftRow(
                        run_id=message.run_id,
                        revision=message.revision,
                        user_id=user_id,
                        body=draft.model_dump(mode="json"),
                    )
                )
        return PlanOutput(
            run_id=message.run_id,
            revision=message.revision,
            questions=len(draft.questions),
            proposals=len(draft.proposals),
        )

    @activity.defn(name=names.PERFORM)
    async def perform_action(message: PerformInput) -> Any:
        world.performed.append(message)
        state = await world.perform(world, message)
        if isinstance(state, Lie):
            return state.result
        return PerformOutput.model_validate({"action_id": message.action_id, "state": state})

    @activity.defn(name=names.READ_FACTS)
    async def read_run_facts(message: ReadFactsInput) -> ReadFactsOutput:
        return ReadFactsOutput(read=await world.read_facts(world, message))

    async def ensure(_: UUID) -> None:
        world.sandbox_starts += 1
        if world.sandbox_starts <= world.broken_starts:
            raise RuntimeError("no sandbox today")

    trusted = TrustedActivities(postgres.control, SIGNING_KEY, ensure, grant_seconds=600)
    sandbox = Worker(client, task_queue=sandbox_queue(user_id), activities=[plan_run, perform_action, read_run_facts])
    try:
        async with sandbox, control_worker(world, trusted):
            yield world
    finally:
        # The control queue is shared: what is left of this world must not turn up in the next one's.
        for run_id in world.started:
            with contextlib.suppress(RPCError):
                await world.handle(run_id).terminate()


def control_worker(world: World, trusted: TrustedActivities) -> Worker:
    """The control worker's Temporal half. The queue is shared, so one test at a time uses it."""
    return Worker(
        world.client,
        task_queue=CONTROL_QUEUE,
        workflows=[RunWorkflow, ScheduledWorkflow],
        activities=trusted.all(),
        interceptors=[GateInterceptor()],
    )
