"""Inside its confirmed guardrail a graduated workflow runs alone; everything else waits for approval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coco.decisions import Verdict
from coco.guardrails.declarations import default_catalogue
from coco.trust import LeaseTerms
from coco.verdicts import recompute
from store import trust
from tests.autonomy.scenes import (
    completes,
    confirm,
    evaluations,
    graduate,
    hours_ago,
    lease_of,
    new_contact,
    sends,
    shows,
    trust_level,
)
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import a_world


async def test_what_the_rule_covers_runs_and_the_rest_waits(postgres: Postgres, temporal: TemporalServer) -> None:
    crm = {
        "1": new_contact(),
        "2": new_contact(tags="event"),
        "3": new_contact(createdate=hours_ago(25)),
    }
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=sends, read_facts=shows(crm)
    ) as world:
        [rule] = await graduate(world)
        run_id = await world.start()
        done = await world.until_action(run_id, "contact-1", "done")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["done", "pending", "pending"]
        assert [item.action_id for item in world.performed] == [done.id]

        [entry] = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert entry.actor == f"guardrail:{rule.id}@1"
        assert entry.body["approved_by"] == entry.actor
        told = entry.body["guardrail"]
        assert told["reading"] == rule.reading
        assert told["evaluation"]["facts"]["contact.tags"] == ["design partner candidate", "event"]
        assert told["evaluation"]["reads"][0]["request_digest"]
        again = recompute(entry.body, default_catalogue())
        assert again is not None
        assert again.agrees

        held = await evaluations(world, (await world.actions(run_id))[1].id)
        assert {row.verdict for row in held} == {"held"}
        assert "not true that" in held[-1].why["text"]
        # A person still decides on what was held.
        _, second, third = await world.actions(run_id)
        await world.decide(second)
        await world.decide(third, Verdict.REJECT, "too old")
        await world.until(run_id, "done")
        assert (await world.actions(run_id))[1].state == "done"


@pytest.mark.parametrize(
    ("changes", "state"),
    [({"jobtitle": "CTO"}, "done"), ({"jobtitle": "CTO", "phone": "1"}, "pending"), ({"phone": "1"}, "pending")],
    ids=["the field", "the field and another", "another"],
)
async def test_a_rule_about_a_field_is_about_no_other(
    postgres: Postgres, temporal: TemporalServer, changes: dict[str, str], state: str
) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1", **changes), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        await graduate(world, 'Update job titles of contacts tagged "design partner candidate".')
        run_id = await world.start()
        await world.until(run_id, "waiting", "done")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == [state]


async def test_at_approve_each_a_confirmed_rule_runs_nothing(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        await confirm(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []
        assert [row.state for row in await world.actions(run_id)] == ["pending"]


async def test_a_run_that_waited_before_the_graduation_keeps_waiting(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        early = await world.start()
        await world.until(early, "waiting")
        await graduate(world)
        async with postgres.control.user(world.user_id) as session:
            from store import wakeups

            await wakeups.owe(session, world.user_id, early)
        await world.deliver()
        await world.settle_down(early)
        assert [row.state for row in await world.actions(early)] == ["pending"]
        assert world.performed == []


async def test_a_reserved_operation_always_waits(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        await graduate(world)
        async with postgres.api.user(world.user_id) as session:
            await trust.change_settings(
                session,
                world.user_id,
                world.workflow_id,
                runs_needed=1,
                review_percent=0,
                reserved_operations=["contacts.update"],
            )
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []


async def test_a_draft_rule_queues(postgres: Postgres, temporal: TemporalServer) -> None:
    from tests.autonomy.scenes import RULE, compiled

    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        await graduate(world, compiled(RULE, mode="draft_only"))
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []
        [action] = await world.actions(run_id)
        assert [row.verdict for row in await evaluations(world, action.id)] == ["covered"]


async def test_a_limit_of_the_rule_is_counted_across_runs(postgres: Postgres, temporal: TemporalServer) -> None:
    crm = {str(number): new_contact() for number in range(1, 4)}
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=sends, read_facts=shows(crm)
    ) as world:
        await graduate(world, 'Enrich contacts tagged "design partner candidate". At most 2 per day.')
        first = await world.start()
        await world.until(first, "waiting")
        await world.settle_down(first)
        assert [row.state for row in await world.actions(first)] == ["done", "done", "pending"]
        held = await evaluations(world, (await world.actions(first))[2].id)
        assert "the limit of 2 per day is reached" in held[-1].why["text"]
        second = await world.start()
        await world.until(second, "waiting")
        await world.settle_down(second)
        assert {row.state for row in await world.actions(second)} == {"pending"}
        assert len(world.performed) == 2


async def test_a_used_up_budget_takes_the_workflow_back(postgres: Postgres, temporal: TemporalServer) -> None:
    crm = {str(number): new_contact() for number in range(1, 4)}
    async with a_world(
        postgres, temporal, plan=completes("1", "2", "3"), perform=sends, read_facts=shows(crm)
    ) as world:
        await graduate(world, terms=LeaseTerms(days=1, actions=2, credits=100))
        first = await world.start()
        await world.until(first, "waiting")
        await world.settle_down(first)
        assert [row.state for row in await world.actions(first)] == ["done", "done", "pending"]
        held = await evaluations(world, (await world.actions(first))[2].id)
        assert "budget of 2 actions does not reach" in held[-1].why["text"]
        second = await world.start()
        await world.until(second, "waiting")
        await world.settle_down(second)
        assert len(world.performed) == 2
        lease = await lease_of(world)
        assert (lease.state, lease.actions_used) == ("ended", 2)
        assert "budget of 2 actions" in lease.ended_reason
        assert await trust_level(world) == "approve_each"


async def test_an_expired_lease_runs_nothing_and_ends(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        await graduate(world)
        with postgres.connect() as owner:
            owner.execute("ALTER TABLE leases DISABLE TRIGGER check_lease")
            owner.execute(
                "UPDATE leases SET expires_at = %s, granted_at = %s",
                (datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) - timedelta(days=1)),
            )
            owner.execute("ALTER TABLE leases ENABLE TRIGGER check_lease")
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert world.performed == []
        assert await trust_level(world) == "approve_each"
        [entry] = await world.audit("workflow_taken_back")
        assert entry.body["reason"] == "The lease has expired."
        assert entry.actor == "system"
