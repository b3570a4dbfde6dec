"""Which of what ran alone is put before its owner: a share that nobody in a sandbox can choose."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from activities.names import PerformInput
from coco import grants as grant_rules
from coco.errors import InvalidInput
from coco.trust import sampled
from store import trust
from tests.autonomy.scenes import completes, graduate, lease_of, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import SIGNING_KEY, World, a_world

LEASE = UUID(int=7)


@pytest.mark.parametrize("percent", [0, 1, 20, 50, 100])
def test_the_share_is_about_what_was_asked_for(percent: int) -> None:
    drawn = sum(sampled(UUID(int=number), LEASE, percent) for number in range(10_000))
    assert abs(drawn - percent * 100) <= 150
    assert (drawn == 0) == (percent == 0)


def test_asking_twice_tells_the_same_and_another_lease_draws_others() -> None:
    ids = [UUID(int=number) for number in range(200)]
    first = [sampled(one, LEASE, 50) for one in ids]
    assert first == [sampled(one, LEASE, 50) for one in ids]
    assert first != [sampled(one, uuid4(), 50) for one in ids]


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_is_a_percentage(percent: int) -> None:
    with pytest.raises(InvalidInput):
        sampled(uuid4(), LEASE, percent)


async def test_the_share_follows_from_the_actions_and_the_lease(postgres: Postgres, temporal: TemporalServer) -> None:
    numbers = [str(number) for number in range(1, 9)]
    crm = {number: new_contact() for number in numbers}
    async with a_world(postgres, temporal, plan=completes(*numbers), perform=sends, read_facts=shows(crm)) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        async with postgres.api.user(world.user_id) as session:
            await trust.change_settings(
                session, world.user_id, world.workflow_id, runs_needed=1, review_percent=40, reserved_operations=[]
            )
        lease = await lease_of(world)
        expected = [row.id for row in await world.actions(run_id) if sampled(row.id, lease.id, 40)]
        async with postgres.api.user(world.user_id) as session:
            told = [row.id for row in await trust.to_review(session, world.user_id, world.workflow_id)]
        assert told == expected
        # What a sandbox sees of an action and its grant does not hold the other half of the draw.
        for message in world.performed:
            claims = grant_rules.verify(message.grant, grant_rules.public_key(SIGNING_KEY))
            assert str(lease.id) not in claims.model_dump_json()


async def test_what_is_to_review_is_in_the_plans_order_whichever_was_done_first(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """Actions of a run are sent side by side, so the second may well be done before the first."""
    second_done = asyncio.Event()

    async def second_first(world: World, message: PerformInput) -> str:
        first, _ = await world.actions(world.started[-1])
        if message.action_id != first.id:
            state = await sends(world, message)
            second_done.set()
            return state
        await second_done.wait()
        await world.until_action(world.started[-1], "contact-2", "done")
        return await sends(world, message)

    crm = {"1": new_contact(), "2": new_contact()}
    async with a_world(
        postgres, temporal, plan=completes("1", "2"), perform=second_first, read_facts=shows(crm)
    ) as world:
        await graduate(world)
        second_done.clear()
        run_id = await world.start()
        await world.until(run_id, "done")
        first, second = await world.actions(run_id)
        assert second.updated_at < first.updated_at
        async with postgres.api.user(world.user_id) as session:
            told = [row.id for row in await trust.to_review(session, world.user_id, world.workflow_id)]
        assert told == [first.id, second.id]
