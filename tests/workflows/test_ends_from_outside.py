"""A run that somebody ended in Temporal: nothing stays approved, unrecorded or with credits held; and one user's
wake-ups never hold up another's."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from activities.names import PerformInput
from coco.decisions import Verdict
from store import wakeups
from store.credits import open_account
from store.tables import User
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world


@pytest.mark.parametrize(
    ("effect", "state", "balance"),
    [
        ("done", "done", (999, 0)),
        ("failed", "failed", (1000, 0)),
        ("unknown", "outcome_unknown", (1000, 1)),
        (None, "cancelled", (1000, 0)),
    ],
)
async def test_what_was_sent_before_an_operator_ended_the_run_is_recorded(
    postgres: Postgres, temporal: TemporalServer, effect: str | None, state: str, balance: tuple[int, int]
) -> None:
    sent = asyncio.Event()

    async def perform(world: World, message: PerformInput) -> str:
        if effect is not None:
            await world.effect(message, effect)
        sent.set()
        await asyncio.Event().wait()
        return ""

    async with a_world(postgres, temporal, perform=perform) as world:
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, _ = await world.actions(run_id)
        await world.decide(first)
        await asyncio.wait_for(sent.wait(), 20)
        await world.handle(run_id).terminate()
        async with postgres.control.user(world.user_id) as session:
            await wakeups.owe(session, world.user_id, run_id)
        await world.deliver()
        assert (await world.run(run_id)).state == "failed"
        first, second = await world.actions(run_id)
        assert (first.state, second.state) == (state, "cancelled")
        assert await world.balance() == balance
        assert len(await world.audit({"cancelled": "action_failed"}.get(state, f"action_{state}"))) == 1
        if state == "outcome_unknown":
            await world.decide(first, Verdict.HAPPENED)
            first, _ = await world.actions(run_id)
            assert first.state == "done"
            assert await world.balance() == (999, 0)


async def test_a_user_without_keys_holds_up_nobody_elses_wake_ups(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal) as world:
        other = uuid4()
        async with postgres.api.user(other) as session:
            session.add(User(id=other, email=f"{other}@example.com", password_hash="x"))
            await session.flush()
            await open_account(session, other)
        with postgres.connect() as owner:
            [workflow] = owner.execute(
                "INSERT INTO workflows (id, user_id, title, playbook, params, connections, trust_level, created_at)"
                " VALUES (gen_random_uuid(), %s, 'x', 'x', '{}', '[]', 'approve_each', now()) RETURNING id",
                [other],
            ).fetchone() or [None]
            owner.execute(
                "INSERT INTO runs (id, user_id, workflow_id, goal, state, reason, revision, created_at, updated_at)"
                " SELECT gen_random_uuid(), %s, %s, '', 'starting', '', 0, now(), now()",
                [other, workflow],
            )
            owner.execute(
                "INSERT INTO wakeups (id, user_id, run_id, kind, created_at, next_attempt_at, attempts)"
                " SELECT gen_random_uuid(), user_id, id, 'start', now() - interval '1 hour', now(), 0"
                " FROM runs WHERE user_id = %s",
                [other],
            )
        run_id = await world.start()
        await world.until(run_id, "waiting")
        with postgres.connect() as owner:
            [left] = owner.execute(
                "SELECT attempts FROM wakeups WHERE user_id = %s AND delivered_at IS NULL", [other]
            ).fetchone() or [None]
        assert left == 1
        await world.cancel(run_id)
        await world.until(run_id, "cancelled")
