"""A deleted account: nothing readable is left of it anywhere, whoever is killed at whatever step; the chain holds."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from api.codec.app import create_codec_app
from api.operators import Operators
from api.origins import Origins
from api.shell import Shell
from cli.audit_offline import Key, verify
from cli.verify import walk
from coco.keys import MasterKey
from coco.names import temporal_schedule_id, temporal_workflow_id
from store.accounts import make_operator
from store.database import Database
from store.roles import Role, role_dsn
from tests.e2e.test_at_most_once import blocked, held
from tests.e2e.test_the_main_job import waiting_card
from tests.e2e.test_what_revoking_leaves import email_of, files_with, owner_dsn, payloads, rows_with
from tests.stack import Person, Stack, wait_for

NAME = "Marjoram Quillfeather"
TITLE = "ultramarine-workflow"


def in_its_own_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a coroutine; pytest's own loop may be running in this thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(work())))
    thread.start()
    thread.join()
    return found[0]


def delete(person: Person, *, expect: int = 202) -> None:
    body = {"password": person.password, "confirm": person.email}
    person.call("POST", "/account/delete", body, expect=expect)


def erased(stack: Stack, person: Person) -> bool:
    with psycopg.connect(owner_dsn(stack)) as owner:
        row = owner.execute("SELECT finished_at FROM erasures WHERE user_id = %s", (person.user_id,)).fetchone()
    return row is not None and row[0] is not None


def until_erased(stack: Stack, person: Person) -> None:
    wait_for("the account to be erased", lambda: erased(stack, person), 120)


def volume_of(stack: Stack, person: Person) -> Any:
    return stack.settings.state_dir / "volumes" / person.user_id


async def encrypted(stack: Stack, person: Person, run_id: str) -> list[Payload]:
    """Every payload of a run as Temporal has it."""
    client = await Client.connect(stack.temporal.address, namespace=stack.settings.temporal_namespace)
    history = await client.get_workflow_handle(temporal_workflow_id(person.user_id, run_id)).fetch_history()
    return [item for event in history.events for item in payloads(event)]


async def decoded(stack: Stack, operator: Person, given: list[Payload]) -> str:
    """What the codec server shows an operator of them."""
    assert stack.settings.master_key is not None
    master = MasterKey(stack.settings.master_key.get_secret_value())
    api, control = (Database(role_dsn(owner_dsn(stack), role, master.text)) for role in (Role.API, Role.CONTROL))
    origins = Origins(None, 8702)
    app = create_codec_app(Operators(api, master), api, control, master, origins, [])
    transport = httpx.ASGITransport(Shell(app, origins))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8702") as codec:
        told = await codec.post("/token", json={"email": operator.email, "password": operator.password})
        items = [
            {
                "metadata": {name: base64.b64encode(value).decode() for name, value in item.metadata.items()},
                "data": base64.b64encode(item.data).decode(),
            }
            for item in given
        ]
        answer = await codec.post(
            "/decode",
            json={"payloads": items},
            headers={"authorization": f"Bearer {told.json()['access_token']}", "origin": "http://localhost:8702"},
        )
    assert answer.status_code == 200, answer.text
    await api.close()
    await control.close()
    shown = [base64.b64decode(item.get("data", "")) for item in answer.json()["payloads"]]
    return "\n".join(item.decode("utf-8", "replace") for item in shown)


async def is_running(stack: Stack, person: Person, run_id: str) -> bool:
    client = await Client.connect(stack.temporal.address)
    handle = client.get_workflow_handle(temporal_workflow_id(person.user_id, run_id))
    return (await handle.describe()).status is WorkflowExecutionStatus.RUNNING


async def schedule_is_there(stack: Stack, person: Person, schedule_id: str) -> bool:
    client = await Client.connect(stack.temporal.address)
    try:
        await client.get_schedule_handle(temporal_schedule_id(person.user_id, schedule_id)).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


def test_nothing_readable_is_left(stack: Stack, person: Person) -> None:
    other = stack.sign_up()
    other_run, _ = waiting_card(other, "enrich_tagged_contacts", tag="design partner candidate", limit=2)
    with psycopg.connect(owner_dsn(stack)) as owner:
        owner.execute("UPDATE users SET name = %s WHERE id = %s", (NAME, person.user_id))
    # One run that is done, one that waits, a schedule, and what the sandbox keeps for itself.
    done_run, card = waiting_card(person, "enrich_tagged_contacts", tag="customer", limit=1)
    person.approve(card["actions"][0])
    person.until_action(card["actions"][0]["id"], "done")
    waiting_run, card = waiting_card(person, "enrich_tagged_contacts", tag="design partner candidate", limit=2)
    workflow_id = person.run(waiting_run)["run"]["workflow_id"]
    schedule = person.call("POST", f"/workflows/{workflow_id}/schedules", {"sentence": "every day at 9:00 Europe/Rome"})
    assert wait_for("the schedule", lambda: in_its_own_loop(lambda: schedule_is_there(stack, person, schedule["id"])))
    contacts = [email_of(stack, item["arguments"]["id"]) for item in card["actions"]]
    (volume_of(stack, person) / "notes.txt").write_text(contacts[0])
    markers = [*contacts, person.email, NAME, "every day at 9:00"]
    for marker in markers:
        assert rows_with(stack, marker), f"{marker} was never there: this test would show nothing"
    before = person.http.post("/api/v1/audit/exports", json={"form": "chain"})
    assert before.status_code == 200, before.text
    kept = in_its_own_loop(lambda: encrypted(stack, person, waiting_run))
    operator = stack.sign_up(connect=False)
    with psycopg.connect(owner_dsn(stack)) as owner:
        make_operator(owner, operator.email)
    assert person.user_id in in_its_own_loop(lambda: decoded(stack, operator, kept)) + "".join(map(str, kept))
    readable = in_its_own_loop(lambda: decoded(stack, operator, kept))
    assert waiting_run in readable
    others_rows = others(stack, person)

    delete(person)
    # At once: out everywhere, and not in again.
    assert person.http.get("/api/v1/auth/me").status_code == 401
    login = person.http.post("/api/v1/auth/login", json={"email": person.email, "password": person.password})
    assert login.status_code == 401
    until_erased(stack, person)

    for marker in markers:
        # What another account read of the same demo workspace is its own.
        assert [(table, row) for table, row in rows_with(stack, marker) if person.user_id in row] == []
    for marker in (person.email, NAME):
        assert rows_with(stack, marker) == []
        assert files_with(stack.folder, marker) == []
    assert not volume_of(stack, person).exists()
    assert not (stack.settings.run_dir / person.user_id).exists()
    for run_id in (done_run, waiting_run):
        assert not in_its_own_loop(lambda run_id=run_id: is_running(stack, person, run_id))
    assert not in_its_own_loop(lambda: schedule_is_there(stack, person, schedule["id"]))
    # Temporal's copy, and one that was made before, open for nobody.
    now = in_its_own_loop(lambda: encrypted(stack, person, waiting_run))
    for given in (kept, now):
        shown = in_its_own_loop(lambda given=given: decoded(stack, operator, given))
        assert [item for item in (*markers, waiting_run) if item in shown] == []
    # The chain holds, here and in the export from before.
    [account] = list(walk(owner_dsn(stack), f"erased:{person.user_id}"))
    assert account.problem is None
    assert account.entries > 10
    lines = before.content.splitlines(keepends=True)
    keys = [Key(item["pem"]) for item in json.loads(lines[0])["keys"]]
    report = verify(lines, keys, user=person.email)
    assert report.problems == []
    ledger_balances(stack, person)
    # The other user's things are as they were, and go on.
    left = others(stack, person)
    for table in (
        "user_keys",
        "connections",
        "sealed_credentials",
        "workflows",
        "runs",
        "reads",
        "actions",
        "sandboxes",
    ):
        assert left[table] == others_rows[table], table
    assert other.state(other_run) == "waiting"
    for action in other.run(other_run)["actions"]:
        other.reject(action)
    other.until(other_run, "done")
    # Theirs too, so that nobody else's test finds what they read.
    delete(other)
    until_erased(stack, other)
    other.http.close()
    operator.http.close()


def others(stack: Stack, person: Person) -> dict[str, int]:
    """How many rows everybody else has, by table."""
    with psycopg.connect(owner_dsn(stack), autocommit=True) as owner:
        names = [row[0] for row in owner.execute("SELECT coco_owned_tables()").fetchall()]
        counted = {
            name: owner.execute(f"SELECT count(*) FROM {name} WHERE user_id <> %s", (person.user_id,)).fetchone()  # type: ignore[arg-type]
            for name in names
        }
    return {name: row[0] for name, row in counted.items() if row}


def ledger_balances(stack: Stack, person: Person) -> None:
    with psycopg.connect(owner_dsn(stack)) as owner:
        row = owner.execute(
            "SELECT sum(p.amount), sum(p.amount) FILTER (WHERE p.account IN ('available', 'reserved')), a.balance, "
            "a.reserved FROM ledger_postings p JOIN credit_accounts a USING (user_id) WHERE p.user_id = %s "
            "GROUP BY a.balance, a.reserved",
            (person.user_id,),
        ).fetchone()
    assert row is not None
    assert row[0] == 0
    assert row[1] == row[2]
    assert row[3] == 0


@contextmanager
def sandbox_lock(stack: Stack, person: Person) -> Iterator[None]:
    with psycopg.connect(owner_dsn(stack)) as owner:
        owner.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (f"sandbox:{person.user_id}",))
        yield
        owner.rollback()


def waits_for_a_lock(stack: Stack) -> Any:
    with psycopg.connect(owner_dsn(stack), autocommit=True) as owner:
        return owner.execute("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'").fetchone()


TABLES = {"runs": "runs", "keys": "user_keys", "rows": "reads", "audit": "audit"}


@pytest.mark.parametrize("stack", ["bubblewrap"], indirect=True)
@pytest.mark.parametrize("step", ["runs", "sandbox", "keys", "rows", "audit"])
def test_killed_there_it_is_finished_all_the_same(stack: Stack, step: str) -> None:
    person = stack.sign_up()
    run_id, card = waiting_card(person, "enrich_tagged_contacts", tag="customer", limit=1)
    marker = email_of(stack, card["actions"][0]["arguments"]["id"])
    assert [row for _, row in rows_with(stack, marker) if person.user_id in row]
    if step == "sandbox":
        with sandbox_lock(stack, person):
            delete(person)
            wait_for(step, lambda: waits_for_a_lock(stack))
            stack.kill("control")
    else:
        stack.kill("control")
        delete(person)
        with held(stack, TABLES[step]):
            restart(stack)
            wait_for(step, lambda: blocked(stack, TABLES[step]))
            stack.kill("control")
    assert not erased(stack, person)
    restart(stack)
    until_erased(stack, person)
    assert [row for _, row in rows_with(stack, marker) if person.user_id in row] == []
    assert not volume_of(stack, person).exists()
    assert not in_its_own_loop(lambda: is_running(stack, person, run_id))
    [account] = list(walk(owner_dsn(stack), f"erased:{person.user_id}"))
    assert account.problem is None
    ledger_balances(stack, person)
    person.http.close()


def restart(stack: Stack) -> None:
    stack.start("control")
