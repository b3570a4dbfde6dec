"""Runs whose histories are recorded and replayed: each drives one path through the workflow to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from temporalio.exceptions import ApplicationError

from activities.names import PerformInput, PlanInput
from coco.decisions import Verdict
from coco.names import WAKE_SIGNAL
from coco.plans import PlanDraft
from tests.autonomy.scenes import RULE, compiled, completes, graduate, new_contact, sends, shows, take_back
from tests.workflows import test_what_holds_a_run as hold
from tests.workflows.harness import (
    TUNING,
    FactsReader,
    Performer,
    Planner,
    World,
    a_contact,
    one_question_then_writes,
    reads_nothing,
    two_field_writes,
    works,
)
from workflows.run import RunInput


@dataclass(frozen=True)
class Scenario:
    drive: Callable[[World], Awaitable[UUID]]
    plan: Planner = two_field_writes
    perform: Performer = works
    read_facts: FactsReader = reads_nothing
    tuning: RunInput = TUNING


async def approve_and_reject(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    first, second = await world.actions(run_id)
    await world.decide(first)
    await world.until_action(run_id, "contact-1", "done")
    await world.decide(second, Verdict.REJECT, "no")
    await world.until(run_id, "done")
    return run_id


async def all_at_once(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    for row in await world.actions(run_id):
        await world.decide(row, deliver=False)
    await world.deliver()
    await world.until(run_id, "done")
    return run_id


async def edited(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    first, second = await world.actions(run_id)
    await world.decide(second, Verdict.REJECT, "no")
    await world.decide(await world.edit(first, {"id": "1", "properties": {"jobtitle": "CEO"}}))
    await world.until(run_id, "done")
    return run_id


async def asked(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "asking")
    await world.answer(run_id, "CTO")
    await world.until(run_id, "waiting")
    return await _cancelled(world, run_id)


async def cancelled(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    return await _cancelled(world, run_id)


async def _cancelled(world: World, run_id: UUID) -> UUID:
    await world.cancel(run_id)
    await world.until(run_id, "cancelled")
    return run_id


async def cancelled_by_an_operator(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    await world.handle(run_id).cancel()
    await world.until(run_id, "cancelled")
    return run_id


async def settled(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    first, second = await world.actions(run_id)
    await world.decide(second, Verdict.REJECT, "no")
    await world.decide(first)
    await world.until(run_id, "attention")
    await world.decide(first, Verdict.HAPPENED)
    await world.until(run_id, "done")
    return run_id


async def _unknown(world: World, message: PerformInput) -> str:
    await world.effect(message, "unknown")
    return "unknown"


async def drifted(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    first, second = await world.actions(run_id)
    await world.decide(second, Verdict.REJECT, "no")
    await world.decide(first)
    await world.until_action(run_id, "contact-1", "pending")
    while (again := (await world.actions(run_id))[1]).id == first.id or again.key != "contact-1":
        await asyncio.sleep(0.05)
    await world.decide(again)
    await world.until(run_id, "done")
    return run_id


async def _drifts_once(world: World, message: PerformInput) -> str:
    if len(world.performed) > 1:
        return await works(world, message)
    async with world.postgres.api.user(world.user_id) as session:
        from store.tables import ActionRow

        action = await session.get_one(ActionRow, message.action_id)
    await world.drift(action.run_id, message, "1", a_contact(jobtitle="VP"))
    return "drifted"


async def tried_again(world: World) -> UUID:
    return await approve_and_reject(world)


async def _fails_first(world: World, message: PerformInput) -> str:
    if len(world.performed) == 1:
        raise RuntimeError("the gateway is away")
    return await works(world, message)


async def woken_often(world: World) -> UUID:
    """Wakes for nothing until it continues as new; the recorded history is the first execution's."""
    run_id = await world.start()
    await world.until(run_id, "waiting")
    for _ in range(8):
        await world.handle(run_id).signal(WAKE_SIGNAL)
        await world.settle_down(run_id)
    return run_id


async def autonomous(world: World) -> UUID:
    """One action inside the rule runs alone, one outside waits and is approved."""
    await graduate(world)
    run_id = await world.start()
    await world.until_action(run_id, "contact-1", "done")
    await world.until(run_id, "waiting")
    await world.settle_down(run_id)
    await world.decide((await world.actions(run_id))[1])
    await world.until(run_id, "done")
    return run_id


async def told_first(world: World) -> UUID:
    """Notify first: its timer fires, and it runs."""
    await graduate(world, compiled(RULE, mode="notify_first", wait_hours=2 / 3600, run_when_offline=True))
    run_id = await world.start()
    await world.until_action(run_id, "contact-1", "done")
    await world.until(run_id, "waiting")
    await _taken_back(world, run_id)
    return run_id


async def _taken_back(world: World, run_id: UUID) -> None:
    await take_back(world)
    await world.decide((await world.actions(run_id))[1], Verdict.REJECT, "no")
    await world.until(run_id, "done")


async def read_again(world: World) -> UUID:
    """The facts are too old when the grant is due again: they are read once more, and it runs."""
    await graduate(world)
    run_id = await world.start()
    await world.until_action(run_id, "contact-1", "done")
    await world.until(run_id, "waiting")
    await _taken_back(world, run_id)
    return run_id


async def _away_until_it_is_old(world: World, message: PerformInput) -> str:
    if len(world.performed) == 1 and len(world.started) > 1:
        with world.postgres.connect() as owner:
            owner.execute("UPDATE reads SET at = at - interval '20 minutes'")
        raise RuntimeError("the sandbox was away")
    return await sends(world, message)


async def paused(world: World) -> UUID:
    """Paused with an approval given: nothing begins until it goes on."""
    run_id = await world.start()
    await world.until(run_id, "waiting")
    await hold.pause(world, run_id)
    await world.until(run_id, "paused")
    first, second = await world.actions(run_id)
    await world.decide(first)
    await world.settle_down(run_id)
    await hold.pause(world, run_id, on=False)
    await world.until_action(run_id, "contact-1", "done")
    await world.decide(second, Verdict.REJECT, "no")
    await world.until(run_id, "done")
    return run_id


async def connected_again(world: World) -> UUID:
    """The key is refused while actions wait; once there is another, the approved one is carried out."""
    run_id = await world.start()
    await world.until(run_id, "waiting")
    await hold.refuse_key(world)
    await world.until(run_id, "needs_reconnection")
    await hold.connect_again(world)
    await world.until(run_id, "waiting")
    first, second = await world.actions(run_id)
    await world.decide(second, Verdict.REJECT, "no")
    await world.decide(first)
    await world.until(run_id, "done")
    return run_id


async def planned_again(world: World) -> UUID:
    """The key is refused while it plans: it waits, and plans anew with another."""
    run_id = await world.start()
    await world.until(run_id, "needs_reconnection")
    await hold.connect_again(world)
    await world.until(run_id, "waiting")
    return await _cancelled(world, run_id)


async def _key_is_refused_once(world: World, message: PlanInput) -> PlanDraft:
    if world.sandbox_starts == 1:
        await hold.refuse_key(world)
        raise ApplicationError("its key was refused", type="connection_unusable", non_retryable=True)
    return await two_field_writes(world, message)


_CRM = {"1": new_contact(), "2": new_contact(tags="event")}

SCENARIOS: dict[str, Scenario] = {
    "approve_and_reject": Scenario(approve_and_reject),
    "all_at_once": Scenario(all_at_once),
    "edited": Scenario(edited),
    "asked": Scenario(asked, plan=one_question_then_writes),
    "cancelled": Scenario(cancelled),
    "cancelled_by_an_operator": Scenario(cancelled_by_an_operator),
    "settled": Scenario(settled, perform=_unknown),
    "drifted": Scenario(drifted, perform=_drifts_once),
    "tried_again": Scenario(tried_again, perform=_fails_first),
    "autonomous": Scenario(autonomous, plan=completes("1", "2"), perform=sends, read_facts=shows(_CRM)),
    "told_first": Scenario(told_first, plan=completes("1", "2"), perform=sends, read_facts=shows(_CRM)),
    "read_again": Scenario(read_again, plan=completes("1", "2"), perform=_away_until_it_is_old, read_facts=shows(_CRM)),
    "paused": Scenario(paused),
    "connected_again": Scenario(connected_again),
    "planned_again": Scenario(planned_again, plan=_key_is_refused_once),
    "woken_often": Scenario(woken_often, tuning=TUNING.model_copy(update={"continue_after_events": 60})),
}
