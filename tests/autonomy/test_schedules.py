"""Schedules on real Temporal: made, changed, paused and deleted through the API and the control worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlmodel import col
from temporalio.client import ScheduleOverlapPolicy
from temporalio.service import RPCError

from coco.errors import InvalidInput
from coco.names import temporal_schedule_id
from coco.schedules import Plan, parse, reading
from store.tables import Run
from tests.api.people import Person, code
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world
from workers.schedules import ScheduleKeeper

SignIn = Callable[[World], Awaitable[Person]]


@pytest.mark.parametrize(
    ("sentence", "canonical"),
    [
        ("every weekday at 8:00 Europe/Berlin", "every weekday at 8:00 Europe/Berlin"),
        ("Every day at 5 pm UTC.", "every day at 17:00 UTC"),
        ("each Monday, Wed and Thursdays at 9:05 in UTC", "every Monday, Wednesday and Thursday at 9:05 UTC"),
        ("on weekdays at 12 am UTC", "every weekday at 0:00 UTC"),
        ("on the 3rd of every month at 9:00 Europe/London", "on the 3rd of every month at 9:00 Europe/London"),
        ("every 15 minutes", "every 15 minutes"),
        ("every hour", "every hour"),
        ("every 90 minutes", "every 90 minutes"),
    ],
)  # fmt: skip
def test_plain_terms(sentence: str, canonical: str) -> None:
    plan = parse(sentence)
    assert reading(plan) == canonical
    assert parse(reading(plan)) == plan


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("", "Say when it should run"),
        ("every weekday at 8:00", "Say in which time zone"),
        ("every weekday at 8 Europe/Berlin", "write the time as 8:00 or 8 am"),
        ("every weekday at 25:00 Europe/Berlin", "no time of the day"),
        ("every weekday at 8:00 Europe/Berln", "did you mean Europe/Berlin?"),
        ("every wekday at 8:00 UTC", "did you mean weekday?"),
        ("on the 31st of every month at 8:00 UTC", "not every month has that day"),
        ("every 2 minutes", "between every 5 minutes"),
        ("now and then", "cannot be placed"),
        ("every weekday except Friday at 8:00 UTC", "is no day"),
        ("every second Monday at 8:00 UTC", "is no day"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_to_write(sentence: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said.replace("?", r"\?")):
        parse(sentence)


async def test_a_schedule_starts_runs_and_goes_with_its_row(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(a_world(postgres, temporal))
        owner = await owner_of(world)
        keeper = ScheduleKeeper(postgres.control, world.client)
        path = f"/workflows/{world.workflow_id}/schedules"
        refused = await owner.call("POST", path, json={"sentence": "now and then"})
        assert code(refused) == "invalid"
        made = await owner.post(
            path,
            {"sentence": "every weekday at 8:00 Europe/Berlin", "catch_up_seconds": 600, "jitter_seconds": 30},
            status=201,
        )
        # Nothing needed Temporal until here.
        assert not made["in_force"]
        assert await keeper.apply_owed() == 1
        assert await keeper.apply_owed() == 0
        [listed] = await owner.get(path)
        assert listed["in_force"]
        handle = world.client.get_schedule_handle(temporal_schedule_id(world.user_id, made["id"]))
        schedule = (await handle.describe()).schedule
        assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
        assert schedule.policy.catchup_window == timedelta(seconds=600)
        assert schedule.spec.jitter == timedelta(seconds=30)
        assert schedule.spec.time_zone_name == "Europe/Berlin"
        for moment in (await handle.describe()).info.next_action_times:
            from zoneinfo import ZoneInfo

            local = moment.astimezone(ZoneInfo("Europe/Berlin"))
            assert (local.weekday() < 5, local.hour) == (True, 8)

        await handle.trigger()
        run = (await until_runs(world, 1))[0]
        assert (run.workflow_id, run.state) == (world.workflow_id, "starting")
        [entry] = await world.audit("run_started")
        assert entry.actor == f"schedule:{made['id']}"
        # That run waits, and the next one starts all the same. (Ids of what a schedule starts are by the second.)
        await asyncio.sleep(1.5)
        await handle.trigger()
        assert len(await until_runs(world, 2)) == 2

        await owner.post(f"/schedules/{made['id']}/pause", {"note": "the team is away"})
        assert await keeper.apply_owed() == 1
        description = (await handle.describe()).schedule
        assert description.state.paused
        assert "team" not in (description.state.note or "")
        [paused] = await owner.get(path)
        assert (paused["state"], paused["note"]) == ("paused", "the team is away")
        # Triggered by hand in Temporal while it is paused: the row says no.
        await handle.trigger()
        await asyncio.sleep(2)
        assert len(await until_runs(world, 2)) == 2

        await owner.post(f"/schedules/{made['id']}/resume")
        await owner.post(f"/schedules/{made['id']}", {"sentence": "every 2 hours"})
        assert await keeper.apply_owed() == 1
        changed = (await handle.describe()).schedule
        assert not changed.state.paused
        assert [item.every for item in changed.spec.intervals] == [timedelta(hours=2)]

        await owner.post(f"/schedules/{made['id']}/delete")
        assert await keeper.apply_owed() == 1
        with pytest.raises(RPCError):
            await handle.describe()
        assert await owner.get(path) == []
        assert code(await owner.call("POST", f"/schedules/{made['id']}/resume")) == "conflict"


async def until_runs(world: World, count: int) -> list[Run]:
    for _ in range(600):
        async with world.postgres.api.user(world.user_id) as session:
            runs = list((await session.execute(select(Run).order_by(col(Run.created_at)))).scalars())
        if len(runs) >= count:
            return runs
        await asyncio.sleep(0.05)
    raise AssertionError(f"{len(runs)} runs, not {count}")


def test_a_plan_is_what_it_says() -> None:
    assert parse("every weekday at 8:00 Europe/Berlin") == Plan(
        kind="times", days=(0, 1, 2, 3, 4), hour=8, minute=0, zone="Europe/Berlin"
    )
