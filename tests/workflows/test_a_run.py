"""A run from plan to record: what waits, what executes, what is written down."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from activities.names import PerformInput, PlanInput
from coco.audit import verify_chain
from coco.credits import Period
from coco.decisions import Verdict
from coco.plans import PlanDraft
from store import audit, budgets, credits, runs
from store.database import Database
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import TUNING, World, a_contact, a_world, one_question_then_writes, two_field_writes, works


async def test_nothing_executes_before_approval_and_each_approval_executes_its_own(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        assert [first.state, second.state] == ["pending", "pending"]
        assert first.body["prior"]["value"] == {"jobtitle": "Engineer"}
        await world.settle_down(run_id)
        assert world.performed == []
        await world.decide(second)
        await world.until_action(run_id, "contact-2", "done")
        assert [item.action_id for item in world.performed] == [second.id]
        assert (await world.actions(run_id))[0].state == "pending"
        await world.decide(first, Verdict.REJECT, "she is an engineer")
        run = await world.until(run_id, "done")
        assert run.card is not None
        assert run.card["reasoning"] == "MARKER-REASON"
        assert len(world.performed) == 1
        assert await world.balance() == (1000 - second.body["credits"], 0)
        [entry] = await world.audit("action_done")
        assert entry.body["prior"] == {"jobtitle": "Engineer"}
        assert entry.body["after"] == second.body["preview"]["after"]
        assert entry.body["credits"]["total"] == second.body["credits"]
        assert entry.body["credits"]["items"]
        assert entry.body["approved_by"] == f"user:{world.user_id}"
        assert entry.body["card"]["goal"] == "Fix titles"
        [rejected] = await world.audit("action_rejected")
        assert rejected.body["reason"] == "she is an engineer"
        async with postgres.api.user(world.user_id) as session:
            assert verify_chain([pair async for pair in audit.chain(session, world.user_id)]) is None


async def test_parallel_approvals_never_wait_for_each_other(postgres: Postgres, temporal: TemporalServer) -> None:
    gate = asyncio.Event()

    async def first_one_hangs(world: World, message: PerformInput) -> str:
        if len(world.performed) == 1:
            await gate.wait()
        return await works(world, message)

    async with a_world(postgres, temporal, perform=first_one_hangs) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first)
        for _ in range(200):
            if world.performed:
                break
            await asyncio.sleep(0.02)
        await world.decide(second)
        await world.until_action(run_id, "contact-2", "done")
        assert (await world.actions(run_id))[0].state == "approved"
        gate.set()
        await world.until(run_id, "done")


async def test_an_edit_waits_for_its_own_approval_and_both_are_kept(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(second, Verdict.REJECT, "no")
        edited = await world.edit(first, {"id": "1", "properties": {"jobtitle": "CEO"}})
        await world.settle_down(run_id)
        assert world.performed == []
        assert edited.id != first.id
        assert edited.digest != first.digest
        archived = await world.edit(edited, {"id": "1"}, "contacts.archive")
        assert archived.operation == "contacts.archive"
        assert archived.body["request"]["method"] == "DELETE"
        await world.decide(archived)
        await world.until(run_id, "done")
        assert [item.action_id for item in world.performed] == [archived.id]
        states = {(row.key, row.version): row.state for row in await world.actions(run_id)}
        assert states["contact-1", 1] == states["contact-1", 2] == "superseded"
        assert states["contact-1", 3] == "done"


async def test_a_question_waits_for_its_answer_and_both_stay(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=one_question_then_writes) as world:
        run_id = await world.start()
        await world.until(run_id, "asking")
        assert await world.actions(run_id) == []
        await world.answer(run_id, "CTO")
        await world.until(run_id, "waiting")
        assert len(await world.actions(run_id)) == 2
        assert (await world.run(run_id)).revision == 2
        [entry] = await world.audit("question_answered")
        assert entry.body.items() >= {"question": "Which title?", "answer": "CTO"}.items()
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")


async def test_cancel_while_planning(postgres: Postgres, temporal: TemporalServer) -> None:
    started = asyncio.Event()

    async def for_ever(world: World, message: PlanInput) -> PlanDraft:
        started.set()
        await asyncio.sleep(15)
        return await two_field_writes(world, message)

    async with a_world(postgres, temporal, plan=for_ever) as world:
        run_id = await world.start()
        await started.wait()
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")
        assert await world.actions(run_id) == []


async def test_cancel_while_waiting_and_while_one_is_on_its_way(postgres: Postgres, temporal: TemporalServer) -> None:
    sent = asyncio.Event()
    go = asyncio.Event()

    async def slow(world: World, message: PerformInput) -> str:
        await world.effect(message, "done")
        sent.set()
        await go.wait()
        return "done"

    async with a_world(postgres, temporal, perform=slow) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await sent.wait()
        await world.cancel(run_id)
        go.set()
        await world.until(run_id, "cancelled")
        # What had left is recorded as what it is; what had not is cancelled.
        assert [row.state for row in await world.actions(run_id)] == ["done", "cancelled"]
        assert await world.balance() == (1000 - first.body["credits"], 0)


async def test_a_drifted_record_comes_back_with_three_values(postgres: Postgres, temporal: TemporalServer) -> None:
    run: list[UUID] = []

    async def drifts_once(world: World, message: PerformInput) -> str:
        if len(world.performed) == 1:
            await world.drift(run[0], message, "1", a_contact(jobtitle="VP Engineering"))
            return "drifted"
        return await works(world, message)

    async with a_world(postgres, temporal, perform=drifts_once) as world:
        run_id = await world.start()
        run.append(run_id)
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(second, Verdict.REJECT, "no")
        await world.decide(first)
        again = await world.until_action(run_id, "contact-1", "pending")
        if again.id == first.id:
            raise AssertionError("the action that drifted is pending again")
        assert (await world.actions(run_id))[0].state == "drifted"
        assert again.shown_before == {"jobtitle": "Engineer"}
        assert again.body["prior"]["value"] == {"jobtitle": "VP Engineering"}
        assert again.body["request"] == first.body["request"]
        assert again.digest != first.digest
        assert await world.balance() == (1000, 0)
        await world.decide(again)
        await world.until(run_id, "done")
        assert await world.balance() == (1000 - first.body["credits"], 0)


@pytest.mark.parametrize(
    ("verdict", "state", "cost"), [(Verdict.HAPPENED, "done", True), (Verdict.DID_NOT_HAPPEN, "failed", False)]
)
async def test_an_unknown_outcome_is_settled_by_a_person(
    postgres: Postgres, temporal: TemporalServer, verdict: Verdict, state: str, cost: bool
) -> None:
    async def unknown(world: World, message: PerformInput) -> str:
        await world.effect(message, "unknown")
        return "unknown"

    async with a_world(postgres, temporal, perform=unknown) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(second, Verdict.REJECT, "no")
        await world.decide(first)
        await world.until(run_id, "attention")
        assert len(world.performed) == 1
        balance, reserved = await world.balance()
        assert (balance, reserved) == (1000, first.body["credits"])
        await world.decide(first, verdict)
        await world.until(run_id, "done")
        assert (await world.actions(run_id))[0].state == state
        assert await world.balance() == (1000 - (first.body["credits"] if cost else 0), 0)
        assert len(world.performed) == 1


async def test_a_sandbox_that_lies_is_not_believed(postgres: Postgres, temporal: TemporalServer) -> None:
    """It says done, and the gateway's rows show nothing: the action is not done and nothing is debited."""

    async def liar(world: World, message: PerformInput) -> str:
        return "done"

    async with a_world(postgres, temporal, perform=liar, tuning=TUNING.model_copy(update={"tries": 2})) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(second, Verdict.REJECT, "no")
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "failed")
        assert await world.audit("action_done") == []
        assert await world.balance() == (1000, 0)


async def test_proposals_that_may_not_be_made_are_set_aside_with_the_reason(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def crooked(world: World, message: PlanInput) -> PlanDraft:
        draft = await two_field_writes(world, message)
        good = draft.proposals[0]
        read_of_other = draft.proposals[1].prior_read
        bad = [
            good.model_copy(update={"key": "no-read", "prior_read": None}),
            good.model_copy(update={"key": "others-read", "prior_read": read_of_other}),
            good.model_copy(update={"key": "no-connection", "connection": "5f0c3b9e-0000-4000-8000-000000000001"}),
            good.model_copy(update={"key": "no-operation", "operation": "contacts.search"}),
            good.model_copy(update={"key": "bad-arguments", "arguments": {"id": "1/../2", "properties": {}}}),
            good,
        ]
        return draft.model_copy(update={"proposals": (good, *bad)})

    async with a_world(postgres, temporal, plan=crooked) as world:
        run_id = await world.start()
        run = await world.until(run_id, "waiting")
        assert [row.key for row in await world.actions(run_id)] == ["contact-1"]
        assert run.card is not None
        assert len(run.card["set_aside"]) == 6


async def test_a_run_with_nothing_to_do_ends(postgres: Postgres, temporal: TemporalServer) -> None:
    async def nothing(world: World, message: PlanInput) -> PlanDraft:
        return PlanDraft(goal="Fix titles", reasoning="All titles are right.")

    async with a_world(postgres, temporal, plan=nothing) as world:
        run_id = await world.start()
        await world.until(run_id, "done")


async def test_a_run_that_runs_out_of_credits_waits_says_so_and_goes_on_after_a_top_up(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        with postgres.connect() as owner:
            # As an account that has used all it had.
            owner.execute("UPDATE credit_accounts SET balance = 0")
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first)
        await world.decide(second, Verdict.REJECT, "no")
        await world.until_reason(run_id, "It waits for credits, and goes on by itself.")
        assert world.performed == []
        assert await world.balance() == (0, 0)
        await world.settle_down(run_id)
        owner_database = Database(postgres.owner)
        try:
            async with owner_database.user(world.user_id) as session:
                assert await credits.top_up(session, world.user_id, 50, "invoice 7")
                await runs.look_again(session, world.user_id)
        finally:
            await owner_database.close()
        await world.deliver()
        await world.until_action(run_id, "contact-1", "done")
        assert len(world.performed) == 1
        await world.until(run_id, "done")


async def test_a_run_beyond_its_budget_waits_until_the_budget_is_raised(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        async with postgres.api.user(world.user_id) as session:
            await budgets.put(session, world.user_id, None, Period.EVER, 0)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first)
        await world.decide(second, Verdict.REJECT, "no")
        await world.until_reason(run_id, "All workflows together may use 0 credits in all")
        assert world.performed == []
        async with postgres.api.user(world.user_id) as session:
            await budgets.put(session, world.user_id, None, Period.EVER, 100)
        await world.deliver()
        await world.until_action(run_id, "contact-1", "done")
        await world.until(run_id, "done")


async def test_a_sandbox_that_cannot_be_started_is_said_and_tried_again(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        world.broken_starts = 2
        run_id = await world.start()
        for _ in range(200):
            if "cannot be started" in (await world.run(run_id)).reason:
                break
            await asyncio.sleep(0.02)
        else:
            raise AssertionError("the run does not say that its sandbox cannot be started")
        run = await world.until(run_id, "waiting")
        assert "cannot be started" not in run.reason
