"""A sandbox that lies and providers that answer oddly end an action or a run; they never leave one stuck."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest
from temporalio import activity
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from activities import names
from activities.connectors.registry import connector
from activities.names import PerformInput, PlanInput, PlanOutput, RunView, UserRun
from activities.trusted import TrustedActivities
from coco.decisions import Verdict
from coco.keys import UserKeys, new_user_key
from coco.plans import PlanDraft, Proposal, Question
from coco.requests import ProviderResponse
from store.tables import ReadRow
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows import harness
from tests.workflows.harness import Lie, World, a_contact, a_world, two_field_writes, works
from workers.codec import EncryptionCodec


async def attest_body(world: World, message: PlanInput, contact: str, body: str) -> str:
    """A read of a contact that answered `body`."""
    operation = connector("hubspot").gated("contacts.update")
    request = operation.prior_request(
        world.connection, operation.parse({"id": contact, "properties": {"jobtitle": "x"}})
    )
    assert request is not None
    response = ProviderResponse.of(200, [], body.encode())
    async with world.postgres.gateway.user(world.user_id) as session:
        row = ReadRow(
            user_id=world.user_id,
            run_id=message.run_id,
            connection_id=world.connection.id,
            request=request.as_json(),
            request_digest=request.digest(),
            response=response.model_dump(mode="json"),
            response_digest=response.digest(),
        )
        session.add(row)
        await session.flush()
        return str(row.id)


def body_with(title: str, record_id: str = '"1"') -> str:
    """A contact's JSON whose job title is spelled `title`."""
    properties = ", ".join(f'"{name}": null' for name in a_contact() if name != "jobtitle")
    return f'{{"id": {record_id}, "properties": {{{properties}, "jobtitle": {title}}}}}'


ODD_BODIES = {
    "NUL in the value": body_with('"a\\u0000b"'),
    "half a character in the value": body_with('"\\ud800"'),
    "NUL in the id": body_with("3", '"\\u0000"'),
    "half a character in the id": body_with("3", '"\\ud800"'),
    "a number with 5,000 digits": body_with("1" * 5000),
    "nested deeply": "[" * 100_000,
    "no object": "3",
}


@pytest.mark.parametrize("body", ODD_BODIES.values(), ids=ODD_BODIES.keys())
async def test_a_record_that_cannot_be_kept_is_set_aside_and_the_rest_goes_on(
    postgres: Postgres, temporal: TemporalServer, body: str
) -> None:
    async def plan(world: World, message: PlanInput) -> PlanDraft:
        draft = await two_field_writes(world, message)
        odd = Proposal(
            key="odd",
            connection=str(world.connection.id),
            operation="contacts.update",
            arguments={"id": "1", "properties": {"jobtitle": "CTO"}},
            prior_read=await attest_body(world, message, "1", body),
        )
        return draft.model_copy(update={"proposals": (odd, *draft.proposals)})

    async with a_world(postgres, temporal, plan=plan) as world:
        run_id = await world.start()
        run = await world.until(run_id, "waiting")
        assert [row.key for row in await world.actions(run_id)] == ["contact-1", "contact-2"]
        assert run.card is not None
        [why] = run.card["set_aside"]
        assert why.startswith("contacts.update: ")


async def test_a_question_asked_twice_is_asked_once(postgres: Postgres, temporal: TemporalServer) -> None:
    async def plan(world: World, message: PlanInput) -> PlanDraft:
        asked = (Question(key="same", text="One?"), Question(key="same", text="Two?"))
        return PlanDraft(goal="Ask", questions=asked)

    async with a_world(postgres, temporal, plan=plan) as world:
        run_id = await world.start()
        await world.until(run_id, "asking")
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")


@pytest.mark.parametrize("lie", ["no plan", "text", "nothing", "bad"])
async def test_a_sandbox_that_hands_in_no_plan_ends_the_run(
    postgres: Postgres, temporal: TemporalServer, lie: str
) -> None:
    async def plan(world: World, message: PlanInput) -> Lie:
        said = PlanOutput(run_id=message.run_id, revision=message.revision, questions=0, proposals=2)
        return Lie(
            {
                "no plan": said,
                "text": "planned",
                "nothing": None,
                "bad": RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{")),
            }[lie]
        )

    async with a_world(postgres, temporal, plan=plan) as world:
        run_id = await world.start()
        assert (await world.until(run_id, "failed")).reason


@pytest.mark.parametrize("text", ["NUL \0 inside", "x" * 100_000, "line\r\nbreak \u202e turned"])
async def test_whatever_a_sandbox_says_of_its_failure_the_run_ends(
    postgres: Postgres, temporal: TemporalServer, text: str
) -> None:
    async def plan(world: World, message: PlanInput) -> PlanDraft:
        raise ApplicationError(text, type=text, non_retryable=True)

    async with a_world(postgres, temporal, plan=plan) as world:
        run_id = await world.start()
        run = await world.until(run_id, "failed")
        assert 0 < len(run.reason) <= 500
        assert run.reason.isprintable()


@pytest.mark.parametrize("code", ["NUL \0 inside", "x" * 100_000, "done"])
async def test_whatever_code_a_sandbox_fails_with_the_action_is_recorded(
    postgres: Postgres, temporal: TemporalServer, code: str
) -> None:
    async def perform(world: World, message: PerformInput) -> str:
        raise ApplicationError("no", type=code, non_retryable=True)

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        row = await world.until_action(run_id, "contact-1", "failed")
        assert row.outcome == {"sent": False, "code": "failed"}
        assert await world.balance() == (1000, 0)


async def test_a_sandbox_cannot_say_that_a_run_was_cancelled(postgres: Postgres, temporal: TemporalServer) -> None:
    async def perform(world: World, message: PerformInput) -> str:
        raise ApplicationError("no", type="run_cancelled", non_retryable=True)

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "failed")


@pytest.mark.parametrize(
    "body",
    ['{"id": "1", "updatedAt": "a\\u0000b"}', '{"id": "1", "updatedAt": "\\ud800"}', "[" * 100_000, "1" * 5000],
    ids=["NUL", "half a character", "deep", "digits"],
)
async def test_an_action_that_took_place_is_recorded_whatever_the_provider_answered(
    postgres: Postgres, temporal: TemporalServer, body: str
) -> None:
    async def perform(world: World, message: PerformInput) -> str:
        await world.effect(message, "done", body)
        return "done"

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "done")
        assert await world.balance() == (999, 0)


async def test_a_performed_action_is_recorded_whatever_the_sandbox_returns(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def perform(world: World, message: PerformInput) -> Lie:
        await works(world, message)
        return Lie(RawValue(Payload(metadata={"encoding": b"json/plain"}, data=b"{")))

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "done")


@pytest.mark.parametrize("user", ["own", "other", "nobody"])
async def test_a_payload_that_was_altered_is_an_empty_message(user: str) -> None:
    owner = uuid4()
    keys = UserKeys({1: new_user_key()})

    async def lookup(_: UUID) -> UserKeys:
        return keys

    codec = EncryptionCodec(lookup, owner)
    [good] = await codec.encode([Payload(metadata={"encoding": b"json/plain"}, data=b"1")])
    bad = Payload(metadata=dict(good.metadata), data=good.data[:-1] + bytes([good.data[-1] ^ 1]))
    if user == "other":
        bad = Payload(metadata=dict(good.metadata) | {"coco-user": str(uuid4()).encode()}, data=good.data)
    if user == "nobody":
        bad = Payload(metadata={"encoding": good.metadata["encoding"]}, data=good.data)
    first, second = await codec.decode([bad, good])
    assert (dict(first.metadata), first.data) == ({"encoding": b"binary/null"}, b"")
    assert second.data == b"1"


async def test_credits_of_an_approval_that_was_cancelled_come_back(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    cancelled = asyncio.Event()

    async def perform(world: World, message: PerformInput) -> str:
        await cancelled.wait()
        raise ApplicationError("refused", type="run_cancelled", non_retryable=True)

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        for _ in range(400):
            if world.performed:
                break
            await asyncio.sleep(0.02)
        assert await world.balance() == (1000, 1)
        await world.cancel(run_id)
        cancelled.set()
        await world.until(run_id, "cancelled")
        assert await world.balance() == (1000, 0)


async def test_an_action_that_ends_while_its_run_is_looked_up_is_noticed(
    postgres: Postgres, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent, armed, looked, go_on = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(TrustedActivities):
        @activity.defn(name=names.LOAD_RUN)
        async def load_run(self, message: UserRun) -> RunView:
            view = await super().load_run(message)
            if armed.is_set() and not looked.is_set():
                # What was read is told late: by then the action is recorded, and its task in the workflow has ended.
                looked.set()
                await go_on.wait()
            return view

    async def perform(world: World, message: PerformInput) -> str:
        sent.set()
        await looked.wait()
        return await works(world, message)

    monkeypatch.setattr(harness, "TrustedActivities", Slow)
    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first)
        await asyncio.wait_for(sent.wait(), 20)
        await world.until(run_id, "working")
        armed.set()
        await world.decide(second, Verdict.REJECT, "no")
        await world.until_action(run_id, "contact-1", "done")
        await asyncio.sleep(1)
        go_on.set()
        await world.until(run_id, "done")
