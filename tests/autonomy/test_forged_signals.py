"""Somebody at the Temporal UI, or a sandbox that knows the words of the control side: nothing of it opens the gate."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from temporalio.testing import ActivityEnvironment

from activities.names import ActionRef, CoverInput, PlanInput, ReadFactsInput
from activities.trusted import TrustedActivities
from coco.errors import NotFound
from coco.names import CONTROL_QUEUE, RUN_WORKFLOW, SCHEDULED_WORKFLOW, WAKE_SIGNAL, temporal_schedule_id
from coco.plans import PlanDraft
from coco.schedules import parse
from store import schedules
from store.tables import PlanDraftRow
from tests.autonomy.scenes import completes, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import SIGNING_KEY, TUNING, World, a_world

CRM = {"1": new_contact(), "2": new_contact(tags="event")}


def trusted(world: World) -> TrustedActivities:
    async def ensure(_: UUID) -> None: ...

    return TrustedActivities(world.postgres.control, SIGNING_KEY, ensure, grant_seconds=600)


async def test_forged_wakes_and_a_run_started_by_hand_change_nothing(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until_action(run_id, "contact-1", "done")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        for forged in (None, {"approved": True}, [str(run_id)]):
            arguments = [] if forged is None else [forged]
            await world.handle(run_id).signal(WAKE_SIGNAL, args=arguments)
        await world.settle_down(run_id)
        # Ended from outside and started again under its own id: it looks at Postgres, as it did before.
        handle = world.handle(run_id)
        await handle.terminate()
        await world.client.start_workflow(RUN_WORKFLOW, TUNING, id=handle.id, task_queue=CONTROL_QUEUE)
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["done", "pending"]
        assert len(world.performed) == 1


async def test_the_activities_of_the_control_side_believe_nobody(postgres: Postgres, temporal: TemporalServer) -> None:
    """Called with any input, outside any run: they find everything but the ids themselves."""
    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=shows(CRM)) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until_action(run_id, "contact-1", "done")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        done, outside = await world.actions(run_id)
        activities, call = trusted(world), ActivityEnvironment()
        whole = {"user_id": world.user_id, "run_id": run_id}
        held = await call.run(activities.mint_grant, ActionRef(**whole, action_id=outside.id))
        assert (held.grant, held.refused) == ("", "forbidden")
        spent = await call.run(activities.mint_grant, ActionRef(**whole, action_id=done.id))
        assert (spent.grant, spent.recorded) == ("", True)
        output = await call.run(activities._autonomy.cover, CoverInput(**whole, last=True))
        assert output.reads == ()
        assert (await world.actions(run_id))[1].state == "pending"
        # Another user's run is not there, and one's own action is in no other run.
        for message in (
            ActionRef(user_id=uuid4(), run_id=run_id, action_id=outside.id),
            ActionRef(user_id=world.user_id, run_id=uuid4(), action_id=outside.id),
        ):
            with pytest.raises(NotFound):
                await call.run(activities.mint_grant, message)
        with pytest.raises(NotFound):
            await call.run(activities._autonomy.cover, CoverInput(user_id=uuid4(), run_id=run_id, last=True))


async def test_a_second_plan_handed_in_while_facts_are_read_is_not_taken(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """A run that has its plan takes no other, whatever state its page shows."""

    async def plans_again(world: World, message: ReadFactsInput) -> int:
        assert (await world.run(message.run_id)).state == "planning"
        draft: PlanDraft = await completes("3", "4", "5")(world, PlanInput(run_id=message.run_id, revision=2))
        async with world.postgres.gateway.user(world.user_id) as session:
            session.add(
                PlanDraftRow(
                    run_id=message.run_id, revision=2, user_id=world.user_id, body=draft.model_dump(mode="json")
                )
            )
        return int(await shows(CRM)(world, message))

    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=plans_again) as world:
        await graduate(world)
        run_id = await world.start()
        await world.until_action(run_id, "contact-1", "done")
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        assert [row.key for row in await world.actions(run_id)] == ["contact-1", "contact-2"]
        assert (await world.run(run_id)).revision == 1


async def test_a_schedule_s_workflow_started_by_hand_starts_what_the_owner_scheduled_and_nothing_else(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        async with postgres.api.user(world.user_id) as session:
            row = await schedules.create(
                session,
                world.user_id,
                world.workflow_id,
                "every 2 hours",
                parse("every 2 hours"),
                catch_up_seconds=60,
                jitter_seconds=0,
            )
            await schedules.change(session, world.user_id, row.id, "paused", state="paused", note="not now")

        async def by_hand(user: UUID, schedule: UUID) -> None:
            await world.client.execute_workflow(
                SCHEDULED_WORKFLOW, id=f"{temporal_schedule_id(user, schedule)}-{uuid4()}", task_queue=CONTROL_QUEUE
            )

        await by_hand(world.user_id, row.id)  # paused
        await by_hand(world.user_id, uuid4())  # none such
        await by_hand(uuid4(), row.id)  # another user's
        with postgres.connect() as owner:
            assert owner.execute("SELECT count(*) FROM runs").fetchone() == (0,)
            owner.execute("UPDATE schedules SET state = 'active'")
        await by_hand(world.user_id, row.id)
        with postgres.connect() as owner:
            assert owner.execute("SELECT workflow_id FROM runs").fetchall() == [(world.workflow_id,)]
