"""Taking back is one call and immediate: runs in flight fall back to approval before their next action."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from activities.names import PerformInput, ReadFactsInput
from coco.decisions import Verdict
from coco.trust import Profile
from store import guardrails, trust, workflows
from tests.autonomy.scenes import (
    completes,
    eventually,
    graduate,
    lease_of,
    new_contact,
    sends,
    shows,
    take_back,
    trust_level,
)
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

CRM = {str(number): new_contact() for number in range(1, 4)}


async def test_a_run_in_the_middle_falls_back_before_its_next_action(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """The first action is sent; the two that hold their grants already are refused by the gateway and wait again."""
    go = asyncio.Event()

    async def first_then_wait(world: World, message: PerformInput) -> str:
        if len(world.performed) == 1:
            return await sends(world, message)
        if trusted:
            await go.wait()
        return await sends(world, message)

    trusted: list[bool] = []
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=first_then_wait, read_facts=shows(CRM)
    ) as world:
        await graduate(world)
        trusted.append(True)
        run_id = await world.start()
        await eventually(lambda: len(world.performed) == 3)
        assert await take_back(world)
        assert await trust_level(world) == "approve_each"
        go.set()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        states = sorted(row.state for row in await world.actions(run_id))
        assert states == ["done", "pending", "pending"]
        with postgres.connect() as owner:
            spent = owner.execute(
                "SELECT count(*) FROM grants WHERE run_id = %s AND spent_at IS NOT NULL", (run_id,)
            ).fetchone()
        assert spent == (1,)
        # The same run goes on by approval.
        for action in await world.actions(run_id):
            if action.state == "pending":
                await world.decide(action)
        await world.until(run_id, "done")
        entries = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert sorted(row.actor.partition(":")[0] for row in entries) == ["guardrail", "user", "user"]
        [taken] = await world.audit("workflow_taken_back")
        assert taken.body["reason"] == "I want to look at it first."
        assert len(taken.body["returned"]) == 2


async def reserve(world: World) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        await trust.change_settings(
            session,
            world.user_id,
            world.workflow_id,
            runs_needed=1,
            review_percent=100,
            reserved_operations=["contacts.update"],
        )


async def retire(world: World) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        [rule] = await trust.confirmed(session, world.user_id, world.workflow_id)
        await guardrails.retire(session, world.user_id, rule.id)


async def archive(world: World) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        await workflows.archive(session, world.user_id, world.workflow_id)


@pytest.mark.parametrize("stop", [reserve, retire, archive], ids=lambda stop: stop.__name__)
async def test_whatever_ends_the_cover_ends_it_for_grants_that_are_handed_out(
    postgres: Postgres, temporal: TemporalServer, stop: Callable[[World], Awaitable[None]]
) -> None:
    go = asyncio.Event()

    async def waits(world: World, message: PerformInput) -> str:
        if len(world.started) > 1:
            await go.wait()
        return await sends(world, message)

    async with a_world(postgres, temporal, plan=completes("1"), perform=waits, read_facts=shows(CRM)) as world:
        await graduate(world)
        run_id = await world.start()
        await eventually(lambda: world.performed)
        await stop(world)
        await world.deliver()
        go.set()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["pending"]
        with postgres.connect() as owner:
            spent = owner.execute("SELECT spent_at FROM grants WHERE run_id = %s", (run_id,)).fetchall()
        assert spent == [(None,)]


async def test_credits_of_what_came_back_and_was_rejected_are_free_again(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """Its grant had set them aside; then it was taken back before it was sent."""
    go = asyncio.Event()

    async def waits(world: World, message: PerformInput) -> str:
        if len(world.started) > 1:
            await go.wait()
        return await sends(world, message)

    async with a_world(postgres, temporal, plan=completes("1"), perform=waits, read_facts=shows(CRM)) as world:
        await graduate(world)
        run_id = await world.start()
        await eventually(lambda: world.performed)
        assert await world.balance() == (999, 1)
        await take_back(world)
        go.set()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [action] = await world.actions(run_id)
        await world.decide(action, Verdict.REJECT, "not her")
        await world.until(run_id, "done")
        assert await world.balance() == (999, 0)


async def test_taken_back_while_the_facts_are_read(postgres: Postgres, temporal: TemporalServer) -> None:
    reading, go = asyncio.Event(), asyncio.Event()

    async def slow(world: World, message: ReadFactsInput) -> int:
        reading.set()
        await go.wait()
        return int(await shows(CRM)(world, message))

    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=slow) as world:
        await graduate(world)
        run_id = await world.start()
        await reading.wait()
        await take_back(world)
        go.set()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []
        assert [row.state for row in await world.actions(run_id)] == ["pending"]


async def test_taken_back_twice_says_so(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world)
        assert await take_back(world)
        assert not await take_back(world)
        lease = await lease_of(world)
        assert (lease.state, lease.ended_reason) == ("ended", "I want to look at it first.")


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (Profile(operations=("contact.update",)), "the operation contact.enrich was not among the approved ones"),
        (
            Profile(operations=("contact.enrich",), categories={"contact.lifecycle_stage": ("customer",)}),
            "contact.lifecycle_stage is lead; so far it was customer",
        ),
        (
            Profile(operations=("contact.enrich",), numbers={"action.credits": (10.0, 20.0)}),
            "action.credits is 1; so far it was between 10 and 20",
        ),
    ],
)
async def test_data_unlike_what_it_was_graduated_on_take_it_back(
    postgres: Postgres, temporal: TemporalServer, profile: Profile, said: str
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world, profile=profile)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []
        assert await trust_level(world) == "approve_each"
        [entry] = await world.audit("workflow_taken_back")
        assert said in entry.body["reason"]
        assert entry.actor == "system"
