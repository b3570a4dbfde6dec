"""What holds a run: a pause, a connection that carries nothing, a provider that wants to be asked later."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
from sqlalchemy import text, update
from sqlmodel import col
from temporalio.exceptions import ApplicationError

from activities.names import PerformInput, PlanInput, UserRun
from activities.trusted import TrustedActivities
from coco.decisions import Verdict
from coco.plans import PlanDraft, Proposal
from coco.requests import PreparedRequest, ProviderResponse
from store import connections, pacing, revoking, runs, views
from store.tables import ActionRow, Connection, Workflow
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.temporal_server import TemporalServer
from tests.workflows.harness import (
    SIGNING_KEY,
    World,
    a_contact,
    a_world,
    one_question_then_writes,
    two_field_writes,
    works,
)

MANY = 9


async def many_writes(world: World, message: PlanInput) -> PlanDraft:
    proposals = []
    for number in range(1, MANY + 1):
        read = await world.attest(message.run_id, str(number), a_contact(jobtitle="Engineer"))
        proposals.append(
            Proposal(
                key=f"contact-{number}",
                connection=str(world.connection.id),
                operation="contacts.update",
                arguments={"id": str(number), "properties": {"jobtitle": "CTO"}},
                prior_read=read,
            )
        )
    return PlanDraft(goal="Fix titles", proposals=tuple(proposals))


async def pause(world: World, run_id: Any, *, on: bool = True) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        await (runs.pause if on else runs.resume)(session, world.user_id, run_id)
    await world.deliver()


async def refuse_key(world: World) -> None:
    """What the gateway does when the provider turns the connection's own credential down."""
    async with world.postgres.gateway.user(world.user_id) as session:
        assert await revoking.credential_refused(session, world.user_id, world.connection.id, status=401)
    await world.deliver()


async def revoke(world: World) -> None:
    async with world.postgres.api.user(world.user_id) as session:
        await connections.set_state(session, world.user_id, world.connection.id, "revoked")
    async with world.postgres.api.user(world.user_id) as session:
        await revoking.has_left(session, world.connection.id, 5)
        await revoking.purge(session, world.user_id, world.connection.id)
    await world.deliver()


async def connect_again(world: World) -> None:
    """A new key, given by the API and accepted by the gateway."""
    attempt, now = uuid4(), datetime.now(UTC)
    async with world.postgres.api.user(world.user_id) as session:
        await session.execute(
            text(
                "INSERT INTO credential_attempts (id, user_id, connection_id, kind, sealed, fingerprint, scopes, "
                "read_only, state, reason, created_at) "
                "VALUES (:i, :u, :c, 'key', 'x', 'x', '[]', false, 'pending', '', :t)"
            ),
            {"i": attempt, "u": world.user_id, "c": world.connection.id, "t": now},
        )
    async with world.postgres.gateway.user(world.user_id) as session:
        done = {"i": attempt, "t": datetime.now(UTC)}
        await session.execute(
            text(
                "UPDATE credential_attempts SET state = 'works', finished_at = :t, sealed = NULL, fingerprint = NULL "
                "WHERE id = :i"
            ),
            done,
        )
        await session.execute(
            update(Connection)
            .where(col(Connection.id) == world.connection.id)
            .values(state="active", reason="", credential_set_at=done["t"], broken_at=None)
        )
        await revoking.wake_dependents(session, world.user_id, world.connection.id)
    await world.deliver()


async def shown(world: World, run_id: Any) -> views.RunView:
    async with world.postgres.api.user(world.user_id) as session:
        return await views.run(session, world.user_id, run_id)


async def approve_all(world: World, run_id: Any) -> list[ActionRow]:
    rows = await world.actions(run_id)
    for row in rows:
        await world.decide(row, deliver=False)
    await world.deliver()
    return rows


async def test_a_bulk_run_shows_how_far_it_is_pauses_between_actions_and_goes_on(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    gate = asyncio.Semaphore(0)

    async def one_by_one(world: World, message: PerformInput) -> str:
        await gate.acquire()
        number = len(world.performed)
        await world.effect(message, "failed" if number == 2 else "done")
        return "done"

    async with a_world(postgres, temporal, plan=many_writes, perform=one_by_one) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await approve_all(world, run_id)
        for _ in range(3):
            gate.release()
        for _ in range(400):
            if (told := (await shown(world, run_id)).progress).done + told.failed == 3:
                break
            await asyncio.sleep(0.05)
        assert (told.total, told.done, told.failed, told.left) == (MANY, 2, 1, MANY - 3)
        for _ in range(400):
            if len(world.performed) == 6:
                break
            await asyncio.sleep(0.05)
        await pause(world, run_id)
        # What is on its way is seen through, and nothing else begins.
        for _ in range(MANY):
            gate.release()
        for _ in range(400):
            if (told := (await shown(world, run_id)).progress).left == MANY - 6:
                break
            await asyncio.sleep(0.05)
        await world.until(run_id, "paused")
        await world.settle_down(run_id)
        assert len(world.performed) == 6
        assert [row.state for row in await world.actions(run_id)].count("approved") == MANY - 6
        assert (await shown(world, run_id)).can_resume
        await pause(world, run_id, on=False)
        await world.until(run_id, "done")
        assert len({item.action_id for item in world.performed}) == len(world.performed) == MANY
        assert [entry.kind for entry in [*await world.audit("run_paused"), *await world.audit("run_resumed")]] == [
            "run_paused",
            "run_resumed",
        ]


async def test_no_more_than_a_few_actions_of_a_run_are_on_their_way_at_a_time(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    under_way, most = 0, 0
    three = asyncio.Event()

    async def counting(world: World, message: PerformInput) -> str:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == 3:
            three.set()
        await three.wait()
        await asyncio.sleep(0.02)
        under_way -= 1
        return await works(world, message)

    async with a_world(postgres, temporal, plan=many_writes, perform=counting) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await approve_all(world, run_id)
        await world.until(run_id, "done")
        assert most == 3


async def test_an_approved_action_whose_key_was_refused_waits_and_goes_on_with_a_new_one(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def refused_once(world: World, message: PerformInput) -> str:
        if len(world.performed) == 1:
            await refuse_key(world)
            raise ApplicationError("no", type="connection_unusable", non_retryable=True)
        return await works(world, message)

    async with a_world(postgres, temporal, perform=refused_once) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        before = (await world.run(run_id)).card
        first, second = await world.actions(run_id)
        await world.decide(first)
        await world.until(run_id, "needs_reconnection")
        await world.settle_down(run_id)
        assert [row.state for row in await world.actions(run_id)] == ["approved", "pending"]
        [held] = (await shown(world, run_id)).held_by
        assert (held.title, held.state) == ("CRM", "needs_reconnection")
        async with postgres.api.user(world.user_id) as session:
            [group] = await views.inbox(session, world.user_id)
            assert group.run.needs_reconnection
        [entry] = await world.audit("connection_changed")
        assert entry.actor == "system"
        assert entry.body["state"] == {"from": "active", "to": "needs_reconnection"}
        assert len(world.performed) == 1
        await connect_again(world)
        await world.until_action(run_id, "contact-1", "done")
        run = await world.until(run_id, "waiting")
        assert run.card == before
        assert [row.id for row in await world.actions(run_id)] == [first.id, second.id]
        await world.decide(second)
        await world.until(run_id, "done")
        assert len(world.performed) == 3


async def test_what_was_approved_on_a_revoked_connection_waits_and_is_carried_out_once(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def not_before_it_is_back(world: World, message: PerformInput) -> str:
        async with postgres.gateway.user(world.user_id) as session:
            assert (await session.get_one(Connection, world.connection.id)).state == "active"
        return await works(world, message)

    async with a_world(postgres, temporal, perform=not_before_it_is_back) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await pause(world, run_id)
        await world.decide(first)
        await revoke(world)
        await pause(world, run_id, on=False)
        await world.until(run_id, "needs_reconnection")
        rows = {row.id: row for row in await world.actions(run_id)}
        assert rows[first.id].state == "approved"
        assert rows[first.id].body == first.body
        assert rows[second.id].state == "cancelled"
        assert rows[second.id].arguments == {}
        assert world.performed == []
        await connect_again(world)
        # The approved one is carried out; what had not been approved is planned again, and the other is not.
        await world.until_action(run_id, "contact-1", "done")
        again = await world.until_action(run_id, "contact-2", "pending")
        run = await world.until(run_id, "waiting")
        assert run.revision == 2
        assert run.card is not None
        assert run.card["set_aside"] == ["contacts.update: it was proposed before"]
        await world.decide(again)
        await world.until(run_id, "done")
        assert [item.action_id for item in world.performed] == [first.id, again.id]


async def test_what_a_run_waits_with_goes_after_the_revocation_and_it_is_told(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """Read through one connection, to be written through another: only the removal concerns what waits."""
    other = Connection(
        connector="hubspot", title="Other CRM", base_url="http://127.0.0.1:1", scopes=every_scope("hubspot")
    )

    async def from_the_other(world: World, message: PlanInput) -> PlanDraft:
        request = PreparedRequest(protocol="http", method="GET", target="/crm/v3/objects/contacts/9")
        await world.keep_read(message.run_id, request, ProviderResponse(status=200, body="{}"), connection_id=other.id)
        return await two_field_writes(world, message)

    async with a_world(postgres, temporal, plan=from_the_other) as world:
        async with postgres.api.user(world.user_id) as session:
            other.user_id = world.user_id
            session.add(other)
            await session.flush()
            given = [str(world.connection.id), str(other.id)]
            await session.execute(
                update(Workflow).where(col(Workflow.id) == world.workflow_id).values(connections=given)
            )
        run_id = await world.start()
        await world.until(run_id, "waiting")
        async with postgres.api.user(world.user_id) as session:
            await connections.set_state(session, world.user_id, other.id, "revoked")
        await world.deliver()
        await world.settle_down(run_id)
        assert (await world.run(run_id)).state == "waiting"
        async with postgres.api.user(world.user_id) as session:
            await revoking.purge(session, world.user_id, other.id)
        await world.deliver()
        await world.until(run_id, "needs_reconnection")
        assert {row.state for row in await world.actions(run_id)} == {"cancelled"}


async def test_where_a_run_stands_is_read_at_one_moment(postgres: Postgres, temporal: TemporalServer) -> None:
    """Its data is removed between two of the questions asked of Postgres: it must not look as if nothing were left to
    do, which would end the run."""
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        async with postgres.api.user(world.user_id) as session:
            await connections.set_state(session, world.user_id, world.connection.id, "revoked")
        trusted = TrustedActivities(postgres.control, SIGNING_KEY, lambda _: asyncio.sleep(0), grant_seconds=600)
        blocked = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'questions'::regclass"
        with psycopg.connect(postgres.owner) as owner:
            owner.execute("LOCK TABLE questions IN ACCESS EXCLUSIVE MODE")
            looking = asyncio.create_task(trusted.load_run(UserRun(user_id=world.user_id, run_id=run_id)))
            with postgres.connect() as seen:
                while not seen.execute(blocked).fetchone():
                    assert not looking.done(), "it asked nothing of questions: this test would show nothing"
                    await asyncio.sleep(0.02)
            owner.execute("SELECT set_config('coco.user_id', %s, true)", (str(world.user_id),))
            owner.execute("SELECT coco_purge(%s)", (world.connection.id,))
        view = await looking
        assert (view.replan, view.broken, len(view.pending)) == (False, True, 2)
        view = await trusted.load_run(UserRun(user_id=world.user_id, run_id=run_id))
        assert (view.replan, view.broken, len(view.pending)) == (True, True, 0)


async def test_a_rejected_proposal_is_not_put_before_its_owner_again(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async with a_world(postgres, temporal) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first, Verdict.REJECT, "she is an engineer")
        await revoke(world)
        await world.until(run_id, "needs_reconnection")
        await connect_again(world)
        await world.until_action(run_id, "contact-2", "pending")
        await world.until(run_id, "waiting")
        assert [row.key for row in await world.actions(run_id) if row.state == "pending"] == ["contact-2"]
        assert second.id not in {row.id for row in await world.actions(run_id) if row.state == "pending"}
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")


async def test_a_run_that_asks_when_its_connection_is_revoked_asks_again(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def asks_of_what_it_read(world: World, message: PlanInput) -> PlanDraft:
        await world.attest(message.run_id, "1", a_contact())
        return await one_question_then_writes(world, message)

    async with a_world(postgres, temporal, plan=asks_of_what_it_read) as world:
        run_id = await world.start()
        await world.until(run_id, "asking")
        await revoke(world)
        await world.until(run_id, "needs_reconnection")
        await connect_again(world)
        await world.until(run_id, "waiting", "asking")
        assert (await world.run(run_id)).revision == 2
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")


async def test_planning_that_loses_its_connection_waits_and_plans_again(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def refused_once(world: World, message: PlanInput) -> PlanDraft:
        if (await state(world)) == "active" and not world.sandbox_starts > 1:
            await refuse_key(world)
            raise ApplicationError("its key was refused", type="connection_unusable", non_retryable=True)
        return await two_field_writes(world, message)

    async def state(world: World) -> str:
        async with postgres.api.user(world.user_id) as session:
            return (await session.get_one(Connection, world.connection.id)).state

    async with a_world(postgres, temporal, plan=refused_once) as world:
        run_id = await world.start()
        await world.until(run_id, "needs_reconnection")
        assert await world.actions(run_id) == []
        await connect_again(world)
        await world.until(run_id, "waiting")
        assert len(await world.actions(run_id)) == 2
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")


async def test_what_a_sandbox_says_of_a_key_sets_nothing(postgres: Postgres, temporal: TemporalServer) -> None:
    async def lies(world: World, message: PlanInput) -> PlanDraft:
        raise ApplicationError("its key was refused", type="connection_unusable", non_retryable=True)

    async with a_world(postgres, temporal, plan=lies) as world:
        run_id = await world.start()
        run = await world.until(run_id, "failed")
        assert run.reason == "its key was refused"
        async with postgres.api.user(world.user_id) as session:
            assert (await session.get_one(Connection, world.connection.id)).state == "active"


async def test_a_provider_that_wants_a_pause_is_waited_for_and_not_counted_as_a_failure(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    async def throttled_thrice(world: World, message: PerformInput) -> str:
        if len(world.performed) <= 3:
            async with postgres.gateway.user(world.user_id) as session:
                await pacing.take(session, world.user_id, world.connection.id, None)
                await pacing.block(session, world.user_id, world.connection.id, 1)
            raise ApplicationError("later", type="throttled")
        return await works(world, message)

    async with a_world(postgres, temporal, perform=throttled_thrice) as world:
        # One try only: each wait would use it up, if it counted.
        world.dispatcher._tuning = world.tuning.model_copy(update={"tries": 1})
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(second, Verdict.REJECT, "no")
        await world.decide(first)
        await world.until_action(run_id, "contact-1", "done")
        assert len(world.performed) == 4
        await world.until(run_id, "done")
