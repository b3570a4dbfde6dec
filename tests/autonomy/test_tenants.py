"""Everything of trust of one user, with the rows there, seen and tried from another user's account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from api.public.parts import Parts
from coco.schedules import parse
from coco.trust import ReviewVerdict
from store import digests, schedules, trust, undos
from tests.api.cards import make_card
from tests.api.conftest import app, client, parts
from tests.api.pages import visit
from tests.api.people import Person, code, sign_up
from tests.api.trusted import NOTIFY, RULE, confirmed, graduated, into, place, ran_alone, told_first
from tests.conftest import Postgres

__all__ = ["app", "client", "parts"]

TABLES = (
    "guardrails", "leases", "evaluations", "notices", "reviews", "trust_settings", "schedules", "hooks", "hook_calls",
    "digests", "undos",
)  # fmt: skip


@dataclass(frozen=True)
class Victim:
    """Ids of one user's rows, in every table of trust."""

    user_id: UUID
    workflow_id: UUID
    run_id: UUID
    alone: UUID
    noticed: UUID
    schedule: UUID
    hook: UUID
    undo_run: UUID


async def victim_of(postgres: Postgres, owner: Person) -> Victim:
    user_id = owner.user_id
    card = await make_card(postgres, user_id)
    rule = await graduated(postgres, card)
    later = await make_card(postgres, user_id, updates=3)
    await into(postgres, card, later)
    await ran_alone(postgres, rule, later.actions[0])
    notify = await confirmed(postgres, card, NOTIFY)
    place(postgres, "UPDATE leases SET state = 'active', ended_at = NULL, ended_reason = ''")
    place(postgres, "UPDATE workflows SET trust_level = 'autonomous' WHERE id = %s", card.workflow_id)
    await told_first(postgres, notify, later.actions[1])
    async with postgres.control.user(user_id) as session:
        await digests.write(session, user_id, later.run_id)
    async with postgres.api.user(user_id) as session:
        plan = parse("every 2 hours")
        schedule = await schedules.create(
            session, user_id, card.workflow_id, "every 2 hours", plan, catch_up_seconds=60, jitter_seconds=0
        )
        hook = await schedules.create_hook(session, user_id, card.workflow_id)
    await schedules.start_by_hook(postgres.api, hook, "d1")
    from api.public.reviewing import BUILDERS

    async with postgres.api.user(user_id) as session:
        await trust.review(session, user_id, later.actions[0].id, ReviewVerdict.UNDO, "wrong", undo=BUILDERS)
        undo_run = (await undos.later(session, user_id, [later.actions[0].id]))[later.actions[0].id].run_id
    return Victim(
        user_id,
        card.workflow_id,
        later.run_id,
        later.actions[0].id,
        later.actions[1].id,
        schedule.id,
        hook.id,
        undo_run,
    )


@pytest.fixture
async def two(client: httpx.AsyncClient, postgres: Postgres) -> tuple[Victim, Person]:
    ada = await sign_up(client, "ada@example.com")
    victim = await victim_of(postgres, ada)
    return victim, await sign_up(client, "eve@example.com")


async def test_the_database_shows_and_takes_nothing_across(postgres: Postgres, two: tuple[Victim, Person]) -> None:
    victim, eve = two
    with postgres.connect() as owner:
        for table in TABLES:
            row = owner.execute(f"SELECT count(*) FROM {table} WHERE user_id = %s", (victim.user_id,)).fetchone()
            assert row is not None
            assert row[0] > 0, f"{table} holds nothing of the victim: this test would show nothing"
    for table in TABLES:
        for role in ("api", "control", "gateway"):
            if (table, role) == ("schedules", "control"):
                continue  # brings the schedules of all users to Temporal
            await _sees_none(postgres, role, eve.user_id, table)
    changes: list[tuple[str, str]] = [
        ("api", "UPDATE digests SET seen_at = now()"),
        ("api", "UPDATE notices SET seen_at = now()"),
        ("api", "UPDATE trust_settings SET runs_needed = 1"),
        ("api", "UPDATE schedules SET state = 'paused'"),
        ("api", "UPDATE hooks SET state = 'disabled'"),
        ("api", "UPDATE leases SET state = 'ended'"),
        ("api", "UPDATE guardrails SET state = 'retired'"),
        ("control", "UPDATE digests SET body = '{}'"),
        ("control", "UPDATE leases SET state = 'ended'"),
    ]
    for role, statement in changes:
        async with getattr(postgres, role).user(eve.user_id) as session:
            assert (await session.execute(text(statement))).rowcount == 0, statement
    forged: list[tuple[str, str, dict[str, Any]]] = [
        ("api", "INSERT INTO reviews (action_id, user_id, verdict, reason, at) VALUES (:x, :v, 'ok', '', now())",
         {"x": victim.noticed}),
        ("api", "INSERT INTO undos (action_id, run_id, user_id, kind, at) VALUES (:x, :r, :v, 'undo', now())",
         {"x": victim.noticed, "r": victim.run_id}),
        ("control", "INSERT INTO digests (run_id, user_id, workflow_id, body, at) VALUES (:r, :v, :w, '{}', now())",
         {"r": victim.undo_run, "w": victim.workflow_id}),
        ("api", "INSERT INTO hooks (id, user_id, workflow_id, generation, state, created_at) "
                "VALUES (gen_random_uuid(), :v, :w, 1, 'active', now())", {"w": victim.workflow_id}),
    ]  # fmt: skip
    for role, statement, values in forged:
        # As the victim's row, and as one's own that points at the victim's.
        for user in (victim.user_id, eve.user_id):
            with pytest.raises(DBAPIError):
                await _insert(postgres, role, eve.user_id, statement, values | {"v": user})


async def _sees_none(postgres: Postgres, role: str, user_id: UUID, table: str) -> None:
    try:
        async with getattr(postgres, role).user(user_id) as session:
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0, (table, role)
    except DBAPIError as error:
        if "permission denied" not in str(error):
            raise


async def _insert(postgres: Postgres, role: str, user_id: UUID, statement: str, values: dict[str, Any]) -> None:
    async with getattr(postgres, role).user(user_id) as session:
        await session.execute(text(statement), values)


async def test_rest_says_that_there_is_no_such_thing(two: tuple[Victim, Person]) -> None:
    victim, eve = two
    workflow = f"/workflows/{victim.workflow_id}"
    calls: list[tuple[str, str, Any]] = [
        ("POST", f"/digests/{victim.run_id}/seen", None),
        ("POST", f"/actions/{victim.noticed}/notice/seen", None),
        ("POST", f"/actions/{victim.alone}/review", {"verdict": "undo", "reason": "mine"}),
        ("POST", f"/actions/{victim.alone}/review", {"verdict": "ok"}),
        ("GET", f"{workflow}/trust", None),
        ("POST", f"{workflow}/trust/settings", {}),
        ("POST", f"{workflow}/take-back", {}),
        ("POST", f"{workflow}/graduate", {}),
        ("GET", f"{workflow}/guardrails", None),
        ("POST", f"{workflow}/guardrails", {"sentence": RULE}),
        ("GET", f"{workflow}/schedules", None),
        ("POST", f"{workflow}/schedules", {"sentence": "every 2 hours"}),
        ("POST", f"/schedules/{victim.schedule}/pause", {"note": "x"}),
        ("POST", f"/schedules/{victim.schedule}/delete", None),
        ("POST", f"{workflow}/hooks", None),
        ("POST", f"/workflow-hooks/{victim.hook}/rotate", None),
        ("POST", f"/workflow-hooks/{victim.hook}/disable", None),
        ("GET", f"/runs/{victim.undo_run}", None),
    ]
    for method, path, body in calls:
        assert code(await eve.call(method, path, json=body)) == "not_found", (method, path)
    assert await eve.get("/digests") == []
    assert await eve.get("/activity?limit=100") != []
    assert str(victim.alone) not in str(await eve.get("/activity?limit=100"))


async def test_pages_show_nothing_of_another_account(
    app: FastAPI, parts: Parts, postgres: Postgres, two: tuple[Victim, Person]
) -> None:
    victim, _ = two
    async with visit(app, parts, "eve@example.com") as visitor:
        for path in (f"/workflows/{victim.workflow_id}", f"/runs/{victim.run_id}", f"/runs/{victim.undo_run}"):
            await visitor.get(path, status=404)
        for path in ("/", "/workflows", "/activity"):
            shown = await visitor.get(path)
            for secret in (victim.workflow_id, victim.run_id, victim.alone, victim.undo_run, victim.schedule):
                assert str(secret) not in shown, path
