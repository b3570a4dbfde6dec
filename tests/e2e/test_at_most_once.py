"""SIGKILL at each step between approval and the recorded result, for each process that could die there.

A step is held still by a lock in Postgres, or by a provider that takes its time, so that the kill hits exactly it.
Afterwards the provider has seen one request and the action is done, or the action is `outcome_unknown`, or it was
certainly never sent: never two requests, and never a "done" without one.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from sandbox.container import detect
from tests.e2e.test_the_main_job import person_dsn, waiting_card
from tests.stack import Person, Stack, wait_for

STEPS = ["minting", "spending", "sending", "keeping", "recording"]
VICTIMS = ["sandbox", "control", "gateway"]


def kill(stack: Stack, person: Person, victim: str) -> None:
    if victim != "sandbox":
        stack.kill(victim)
        return

    async def stop() -> None:
        settings = stack.settings
        kind = await detect(
            settings.sandbox, deployment=settings.deployment, state_dir=settings.state_dir / "sandboxes"
        )
        assert await kind.alive(person.user_id)
        await kind.stop(person.user_id, kill=True)

    # pytest's own loop is running in this thread.
    thread = threading.Thread(target=lambda: asyncio.run(stop()))
    thread.start()
    thread.join()


def restart(stack: Stack, victim: str) -> None:
    if victim != "sandbox":
        before = stack.log(victim).count("is ready")
        stack.start(victim)
        if victim == "control":
            wait_for("control worker", lambda: stack.log("control").count("is ready") > before or None, 60)


@contextmanager
def held(stack: Stack, table: str) -> Iterator[None]:
    """Nobody writes to `table` inside the block."""
    with psycopg.connect(person_dsn(stack)) as owner:
        owner.execute(f"LOCK TABLE {table} IN SHARE MODE")  # type: ignore[arg-type]
        yield
        owner.rollback()


def blocked(stack: Stack, table: str) -> Any:
    """True when somebody waits to write to `table`."""
    with psycopg.connect(person_dsn(stack), autocommit=True) as owner:
        return owner.execute(
            "SELECT 1 FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE NOT l.granted AND c.relname = %s",
            (table,),
        ).fetchone()


def effect(stack: Stack, action_id: str) -> str | None:
    with psycopg.connect(person_dsn(stack), autocommit=True) as owner:
        row = owner.execute("SELECT state FROM effects WHERE action_id = %s", (action_id,)).fetchone()
    return str(row[0]) if row else None


def at(stack: Stack, person: Person, action: Any, step: str, victim: str) -> None:
    """Approves, and kills the victim at the step."""
    tables = {"minting": "grants", "spending": "effects", "recording": "audit"}
    if step in {"minting", "spending"}:
        with held(stack, tables[step]):
            person.approve(action)
            wait_for(step, lambda: blocked(stack, tables[step]))
            kill(stack, person, victim)
        return
    if step == "sending":
        stack.demo.control(do="delay", method="PATCH", seconds=3)
        person.approve(action)
        wait_for("the provider to see it", lambda: effect(stack, action["id"]) == "sending")
        wait_for("the request to arrive", lambda: stack.demo.requests(), 10)
        kill(stack, person, victim)
        return
    if step == "keeping":
        stack.demo.control(do="delay", method="PATCH", seconds=2)
        person.approve(action)
        wait_for("the sending to begin", lambda: effect(stack, action["id"]) == "sending")
        with held(stack, "effects"):
            wait_for("the result to be kept", lambda: blocked(stack, "effects"))
            kill(stack, person, victim)
        return
    stack.demo.control(do="delay", method="PATCH", seconds=2)
    person.approve(action)
    wait_for("the sending to begin", lambda: effect(stack, action["id"]) == "sending")
    with held(stack, "audit"):
        wait_for("the result to be recorded", lambda: blocked(stack, "audit"))
        kill(stack, person, victim)


@pytest.mark.parametrize("stack", ["bubblewrap"], indirect=True)
@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_there(stack: Stack, person: Person, step: str, victim: str) -> None:
    killed_there(stack, person, step, victim)


@pytest.mark.parametrize("stack", ["docker"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
def test_a_docker_sandbox_killed_there(stack: Stack, person: Person, step: str) -> None:
    killed_there(stack, person, step, "sandbox")


def killed_there(stack: Stack, person: Person, step: str, victim: str) -> None:
    run_id, card = waiting_card(person, "enrich_tagged_contacts", tag="customer", limit=2)
    action, *others = card["actions"]
    for other in others:
        person.reject(other)
    before = len(stack.demo.requests())
    at(stack, person, action, step, victim)
    time.sleep(0.5)
    restart(stack, victim)
    settled = person.until_action(action["id"], "done", "failed", "outcome_unknown", seconds=120)
    time.sleep(1)
    seen = stack.demo.requests()[before:]
    assert len(seen) <= 1, seen
    if settled["state"] == "done":
        assert len(seen) == 1
    if settled["state"] == "failed":
        assert seen == []
    if settled["state"] == "outcome_unknown":
        person.until(run_id, "attention")
        person.call("POST", f"/actions/{action['id']}/settle", {"digest": action["digest"], "happened": bool(seen)})
    person.until(run_id, "done")
    assert len(stack.demo.requests()[before:]) == len(seen)
    spent = 1000 - person.call("GET", "/credits")["balance"]
    assert spent == (action["credits"] if seen else 0)
    assert person.call("GET", "/credits")["reserved"] == 0
