"""Code in the sandbox that wants to write without approval: every way is refused and the provider sees nothing."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from coco import deployment
from coco.grants import GrantClaims, sign
from sandbox.container import SandboxSpec, detect
from store import grants
from store.database import Database
from store.roles import Role, role_dsn
from tests.e2e.test_the_main_job import person_dsn, waiting_card
from tests.stack import Person, Stack, wait_for

PROGRAM = (Path(__file__).parent / "hostile_program.py").read_text()


def in_thread(coroutine: Any) -> Any:
    """Runs a coroutine beside pytest's own loop."""
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(asyncio.run(coroutine)))
    thread.start()
    thread.join()
    assert result, "it raised; see above"
    return result[0]


def inside(stack: Stack, person: Person, cases: list[dict[str, Any]]) -> dict[str, Any]:
    """What the program got for each case, run in this person's own sandbox."""

    async def run() -> str:
        settings = stack.settings
        kind = await detect(
            settings.sandbox, deployment=settings.deployment, state_dir=settings.state_dir / "sandboxes"
        )
        spec = SandboxSpec(
            user_id=person.user_id,
            deployment=settings.deployment,
            volume=(settings.state_dir / "volumes" / person.user_id).resolve(),
            gateway_dir=(settings.run_dir / person.user_id).resolve(),
        )
        finished = await kind.run_once(spec, ("python", "-c", PROGRAM, json.dumps(cases)), 60)
        assert finished.exit_code == 0, finished.output
        return finished.output

    lines = [line for line in in_thread(run()).splitlines() if line.startswith("{")]
    return {item["name"]: item for item in map(json.loads, lines)}


def mint(stack: Stack, person: Person, run_id: str, action_id: str) -> GrantClaims:
    """A real grant for an approved action, as the control worker mints it (which is not running now)."""

    async def run() -> GrantClaims:
        master = deployment.master_key(stack.settings)
        database = Database(role_dsn(person_dsn(stack), Role.CONTROL, master.text))
        user = UUID(person.user_id)
        async with database.user(user) as session:
            claims = await grants.mint(session, user, UUID(run_id), UUID(action_id), 600)
        await database.close()
        assert claims is not None
        return claims

    claims: GrantClaims = in_thread(run())
    return claims


def body_of(stack: Stack, action_id: str) -> dict[str, Any]:
    with psycopg.connect(person_dsn(stack)) as owner:
        row = owner.execute("SELECT body FROM actions WHERE id = %s", (action_id,)).fetchone()
    assert row is not None
    return dict(row[0])


def test_no_way_around_the_grant(stack: Stack, person: Person) -> None:
    other = stack.sign_up()
    run_id, card = waiting_card(person, "enrich_tagged_contacts", tag="customer", limit=3)
    other_run, other_card = waiting_card(other, "enrich_tagged_contacts", tag="customer", limit=3)
    mine, second, *rest = card["actions"]
    theirs = other_card["actions"][0]
    for item in rest:
        person.reject(item)
    stack.kill("control")  # nobody performs anything while the sandbox misbehaves
    try:
        before = len(stack.demo.requests())
        credential = {"scheme": "bearer", "secret": stack.demo.api_key}
        key = deployment.signing_key(stack.settings)
        request = body_of(stack, mine["id"])["request"]

        def send(name: str, grant: str, **changes: Any) -> dict[str, Any]:
            message = {
                "grant": grant,
                "action_id": mine["id"],
                "connection_id": person.hubspot,
                "request": request,
                "credential": credential,
            }
            return {"name": name, "method": "Send", "message": message | changes}

        def read(name: str, wanted: dict[str, Any], **changes: Any) -> dict[str, Any]:
            message = {
                "run_id": run_id, "connection_id": person.hubspot, "request": wanted, "credential": credential,
            }  # fmt: skip
            return {"name": name, "method": "Read", "message": message | changes}

        person.approve(second)
        other.approve(theirs)
        grant_second = mint(stack, person, run_id, second["id"])
        grant_theirs = mint(stack, other, other_run, theirs["id"])
        now = int(time.time())
        made_up = grant_second.model_copy(
            update={"action": UUID(mine["id"]), "digest": mine["digest"], "jti": UUID(int=7)}
        )
        expired = grant_second.model_copy(update={"iat": now - 1000, "exp": now - 100})
        changed = dict(body_of(stack, second["id"])["request"])
        body = changed["body"]
        changed["body"] = body[:-3] + ("X" if body[-3] != "X" else "Y") + body[-2:]
        target = {"action_id": second["id"]}
        plain = request | {"method": "GET", "body": "", "headers": []}
        unapproved = [
            send("no grant", ""),
            send("rubbish", "a.b.c"),
            send("another action's grant", sign(grant_second, key)),
            send("another user's grant", sign(grant_theirs, key)),
            send("another user's grant for their action", sign(grant_theirs, key), action_id=theirs["id"]),
            send("a grant nobody minted", sign(made_up, key)),
            send("expired", sign(expired, key), **target, request=body_of(stack, second["id"])["request"]),
            send("one byte changed", sign(grant_second, key), **target, request=changed),
            send("another record", sign(grant_second, key), **target, request=request),
            send("another connection", sign(grant_second, key), **target, connection_id=person.smtp,
                 request=body_of(stack, second["id"])["request"]),
            read("a write as a read", request),
            read("a path in no manifest", plain | {"target": "/settings/v3/users"}),
            read("a delete as a read", plain | {"method": "DELETE"}),
            read("another user's connection", plain,
                 connection_id=other.hubspot),
            {"name": "another user's action", "method": "FetchAction", "message": {"action_id": theirs["id"]}},
            {"name": "another user's run", "method": "Context", "message": {"run_id": other_run}},
            {"name": "a wrong token", "method": "Boot", "message": {}, "token": "wrong"},
            {"name": "no such method", "method": "Approve", "message": {"action_id": mine["id"]}},
        ]  # fmt: skip
        answers = inside(stack, person, unapproved)
        assert set(answers) == {case["name"] for case in unapproved}
        let_through = [name for name, answer in answers.items() if "refused" not in answer]
        assert let_through == []
        assert stack.demo.requests()[before:] == []
        expected = {
            "expired": "grant_expired",
            "one byte changed": "grant_mismatch",
            "another user's grant": "grant_mismatch",
            "another action's grant": "grant_mismatch",
            "a write as a read": "conflict",  # the run is not planning: nothing at all is read for it
            "another user's action": "not_found",
            "another user's run": "not_found",
        }
        assert {name: answers[name]["code"] for name in expected} == expected

        # The positive control, and then the spent grant: once is once.
        good = send("approved", sign(grant_second, key), **target, request=body_of(stack, second["id"])["request"])
        spent_changed = send("spent, one byte changed", sign(grant_second, key), **target, request=changed)
        again = good | {"name": "again"}
        answers = inside(stack, person, [good, again, spent_changed])
        assert answers["approved"]["reply"]["state"] == "done"
        assert answers["again"]["reply"] == answers["approved"]["reply"], "the kept answer"
        assert "refused" in answers["spent, one byte changed"]
        [seen] = stack.demo.requests()[before:]
        assert seen["path"] == body_of(stack, second["id"])["request"]["target"]
        with psycopg.connect(person_dsn(stack)) as owner:
            count = owner.execute(
                "SELECT count(*) FROM refusals WHERE user_id = %s AND front = 'egress'", (person.user_id,)
            ).fetchone()
        assert count is not None
        assert count[0] > 0
    finally:
        ready = stack.log("control").count("is ready")
        stack.start("control")
        wait_for("control worker", lambda: stack.log("control").count("is ready") > ready, 60)
    person.until_action(second["id"], "done")
    person.reject(mine)
    person.until(run_id, "done")
    other.call("POST", f"/runs/{other_run}/cancel")
    other.http.close()
