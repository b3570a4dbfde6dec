"""Notify first: a stop button until the time is up; silence means yes only where the rule says so, or it was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from coco.decisions import Verdict
from tests.api.people import Person
from tests.autonomy.scenes import RULE, compiled, completes, evaluations, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

SignIn = Callable[[World], Awaitable[Person]]
CRM = {"1": new_contact()}
SOON = 12 / 3600
"""Hours. Long enough for a busy machine to do before it is up what must be done before."""


async def test_it_runs_when_its_time_is_up_where_the_rule_says_so(postgres: Postgres, temporal: TemporalServer) -> None:
    rule = compiled(RULE, mode="notify_first", wait_hours=SOON, run_when_offline=True)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world, rule)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        assert world.performed == []
        await world.until(run_id, "done")
        [notice] = await world.audit("action_notified")
        [done] = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert done.at.isoformat() > notice.body["not_before"]
        assert done.actor.startswith("guardrail:")


async def test_silence_of_somebody_who_was_away_is_no_yes(postgres: Postgres, temporal: TemporalServer) -> None:
    rule = compiled(RULE, mode="notify_first", wait_hours=1 / 3600, run_when_offline=False)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world, rule)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        [action] = await world.actions(run_id)
        for _ in range(200):
            # Judged twice: at the notice, and when its time was up.
            if len(await evaluations(world, action.id)) >= 2:
                break
            await world.settle_down(run_id)
        await world.settle_down(run_id)
        assert world.performed == []
        [action] = await world.actions(run_id)
        assert action.state == "pending"
        await world.decide(action)
        await world.until(run_id, "done")
        assert len(world.performed) == 1


async def test_a_notice_that_was_seen_and_left_standing_runs(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    rule = compiled(RULE, mode="notify_first", wait_hours=SOON, run_when_offline=False)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        await graduate(world, rule)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        [action] = await world.actions(run_id)
        seen = await owner.post(f"/actions/{action.id}/notice/seen")
        assert seen["seen_at"] < seen["not_before"]
        await world.until(run_id, "done")
        assert len(world.performed) == 1


async def test_a_rejection_until_then_stops_it(postgres: Postgres, temporal: TemporalServer) -> None:
    rule = compiled(RULE, mode="notify_first", wait_hours=1, run_when_offline=True)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world, rule)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        [action] = await world.actions(run_id)
        await world.decide(action, Verdict.REJECT, "not her")
        await world.until(run_id, "done")
        assert world.performed == []


async def test_it_is_judged_again_when_its_time_is_up(postgres: Postgres, temporal: TemporalServer) -> None:
    """What was true at the notice is not true any more: the tag was taken off meanwhile, and is read again."""
    crm = {"1": new_contact()}
    rule = compiled(RULE, mode="notify_first", wait_hours=SOON, run_when_offline=True)
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(crm)) as world:
        await graduate(world, rule)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        crm["1"] = new_contact(tags="event")
        with postgres.connect() as owner:
            # As if the wait had been hours: the first read is too old to count.
            owner.execute("UPDATE reads SET at = at - interval '11 minutes' WHERE run_id = %s", (run_id,))
        [action] = await world.actions(run_id)
        for _ in range(200):
            if len(await evaluations(world, action.id)) >= 2:
                break
            await world.settle_down(run_id)
        await world.settle_down(run_id)
        assert world.performed == []
        assert [row.verdict for row in await evaluations(world, action.id)] == ["covered", "held"]
