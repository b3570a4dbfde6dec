"""What a sandbox is given to begin with and to plan by: its own user's, and no more."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest
from nacl.public import PrivateKey

from coco.gateway_protocol import Credential
from coco.sealing import open_sealed, seal
from store import keys, runs
from store.tables import PlanDraftRow, QuestionRow, SandboxRow, SealedCredential
from tests.gateway.harness import Person, Refused, Stage

DRAFT: dict[str, Any] = {"goal": "Fill in titles", "steps": ["read", "propose"]}


async def test_boot_gives_the_users_own_keys(stage: Stage) -> None:
    person, other = await stage.person(), await stage.person()
    reply = await person.ask("Boot")
    assert reply["task_queue"] == f"sandbox:{person.user_id}"
    async with stage.postgres.gateway.user(person.user_id) as session:
        payload = await keys.load(session, person.user_id, keys.PAYLOAD, stage.postgres.master)
        keystore = await keys.load(session, person.user_id, keys.KEYSTORE, stage.postgres.master)
    assert base64.b64decode(reply["payload_keys"]["1"]) == payload.by_version[1]
    assert base64.b64decode(reply["keystore_keys"]["1"]) == keystore.by_version[1]
    assert (await other.ask("Boot"))["payload_keys"] != reply["payload_keys"]


async def test_the_first_public_key_stays_while_something_is_sealed_to_it(stage: Stage) -> None:
    person = await stage.person()
    first, second = (PrivateKey.generate() for _ in range(2))
    one, two = (bytes(item.public_key).hex() for item in (first, second))
    await person.ask("PublishKey", {"public_key": one})
    await person.ask("PublishKey", {"public_key": one})
    await person.ask("PublishKey", {"public_key": two})  # nothing is sealed yet: no harm
    await person.ask("PublishKey", {"public_key": one})
    connection = await person.connect("hubspot", "http://127.0.0.1:9")
    with stage.postgres.connect() as owner:
        owner.execute("DELETE FROM sealed_credentials WHERE connection_id = %s", (connection.id,))
    sealed = seal(one, Credential(scheme="bearer", secret="the-key"))
    async with stage.postgres.gateway.user(person.user_id) as session:
        from sqlalchemy import insert

        from store.tables import utc_now

        await session.execute(
            insert(SealedCredential).values(
                user_id=person.user_id, connection_id=connection.id, sealed=sealed, created_at=utc_now()
            )
        )
    with pytest.raises(Refused) as caught:
        await person.ask("PublishKey", {"public_key": two})
    assert caught.value.code == "forbidden"
    [row] = await person.rows(SandboxRow)
    assert row.public_key == one
    [item] = (await person.ask("Sealed"))["items"]
    assert open_sealed(first, base64.b64decode(item["sealed"])).secret == "the-key"
    assert (await (await stage.person()).ask("Sealed"))["items"] == []


async def test_the_context_of_a_run_is_what_its_owner_set_up(stage: Stage) -> None:
    person, other = await stage.person(), await stage.person()
    given = await person.connect("hubspot", "http://secret-host.test", {"portal": "5"})
    await person.connect("hubspot", "http://127.0.0.1:9")
    run = await person.run(given)
    async with stage.postgres.control.user(person.user_id) as session:
        session.add(QuestionRow(user_id=person.user_id, run_id=run.id, key="stage", text="Which?"))
        session.add(QuestionRow(user_id=person.user_id, run_id=run.id, key="open", text="And?"))
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE questions SET answer = 'won' WHERE key = 'stage' AND run_id = %s", (run.id,))
    context = await person.ask("Context", {"run_id": str(run.id)})
    assert context["playbook"] == "enrich_tagged_contacts"
    assert context["params"] == {"tag": "customer"}
    assert context["revision"] == 1
    assert context["answers"] == {"stage": "won"}
    [connection] = context["connections"]
    assert connection["id"] == str(given.id)
    assert connection["settings"] == {"portal": "5"}
    assert "secret-host" not in json.dumps(context)
    for caller, run_id in ((other, run.id), (person, uuid4())):
        with pytest.raises(Refused) as caught:
            await caller.ask("Context", {"run_id": str(run_id)})
        assert caught.value == Refused("NOT_FOUND", "not_found", "not found")


async def submit(person: Person, run_id: Any, revision: int = 1, draft: Any = None) -> dict[str, Any]:
    return await person.ask("SubmitPlan", {"run_id": str(run_id), "revision": revision, "draft": draft or DRAFT})


async def test_the_first_plan_of_a_revision_stays(stage: Stage) -> None:
    person = await stage.person()
    run = await person.run()
    await submit(person, run.id)
    await submit(person, run.id, draft=DRAFT | {"goal": "Another"})
    [row] = await person_drafts(stage, person)
    assert (row.revision, row.body["goal"]) == (1, "Fill in titles")


async def person_drafts(stage: Stage, person: Person) -> list[PlanDraftRow]:
    from sqlalchemy import select

    async with stage.postgres.control.user(person.user_id) as session:
        return list((await session.execute(select(PlanDraftRow))).scalars())


@pytest.mark.parametrize("revision", [0, 2, -1, 99])
async def test_a_plan_that_is_not_the_next_is_refused(stage: Stage, revision: int) -> None:
    person = await stage.person()
    run = await person.run()
    with pytest.raises(Refused) as caught:
        await submit(person, run.id, revision)
    assert caught.value.code == "conflict"
    assert await person_drafts(stage, person) == []


@pytest.mark.parametrize(
    ("draft", "code"),
    [
        (DRAFT | {"reasoning": "a\0b"}, "invalid"),
        (DRAFT | {"more": 1}, "invalid"),
        (DRAFT | {"goal": "x" * 501}, "invalid"),
        (DRAFT | {"steps": ["x"] * 51}, "invalid"),
        ({"steps": []}, "invalid"),
        (
            DRAFT | {"proposals": [{"key": "a", "connection": "c", "operation": "o", "arguments": {"a\0": 1}}]},
            "invalid",
        ),
    ],
)
async def test_a_plan_that_cannot_be_kept_is_refused(stage: Stage, draft: Any, code: str) -> None:
    person = await stage.person()
    run = await person.run()
    with pytest.raises(Refused) as caught:
        await submit(person, run.id, draft=draft)
    assert caught.value.code == code
    assert await person_drafts(stage, person) == []


@pytest.mark.parametrize(
    "arguments", ['{"a": "\\ud800"}', '{"a": NaN}', '{"a": 1e999}', '{"a": ' + "9" * 5000 + "}", '{"a":1,"a":2}']
)
async def test_json_that_two_readers_could_read_differently_is_refused(stage: Stage, arguments: str) -> None:
    person = await stage.person()
    run = await person.run()
    proposal = f'{{"key":"k","connection":"c","operation":"o","arguments":{arguments}}}'
    body = f'{{"run_id":"{run.id}","revision":1,"draft":{{"goal":"g","proposals":[{proposal}]}}}}'
    with pytest.raises(Refused) as caught:
        await person.ask("SubmitPlan", body.encode())
    assert caught.value.code == "invalid"
    assert await person_drafts(stage, person) == []


async def test_nobody_plans_for_another_user_or_for_a_run_that_has_ended(stage: Stage) -> None:
    person, other = await stage.person(), await stage.person()
    run = await person.run()
    with pytest.raises(Refused) as caught:
        await submit(other, run.id)
    assert caught.value.code == "not_found"
    async with stage.postgres.api.user(person.user_id) as session:
        await runs.cancel(session, person.user_id, run.id)
    with pytest.raises(Refused) as caught:
        await submit(person, run.id)
    assert caught.value.code == "run_cancelled"
    assert await person_drafts(stage, person) == []


async def test_an_action_is_handed_out_once_it_is_approved(stage: Stage) -> None:
    person, other = await stage.person(), await stage.person()
    connection = await person.connect("hubspot", "http://127.0.0.1:9")
    run = await person.run(connection)
    row = await person.propose(run, connection, "contacts.create", {"properties": {"email": "a@example.com"}})
    with pytest.raises(Refused) as caught:
        await person.ask("FetchAction", {"action_id": str(row.id)})
    assert caught.value.code == "conflict"
    await person.approve(row)
    reply = await person.ask("FetchAction", {"action_id": str(row.id)})
    assert reply["request"] == row.body["request"]
    assert reply["connection_id"] == str(connection.id)
    with pytest.raises(Refused) as caught:
        await other.ask("FetchAction", {"action_id": str(row.id)})
    assert caught.value.code == "not_found"


async def test_only_work_keeps_a_sandbox_awake(stage: Stage) -> None:
    person = await stage.person()
    run = await person.run()
    with stage.postgres.connect() as owner:
        owner.execute(
            "UPDATE sandboxes SET last_active_at = now() - interval '1 hour' WHERE user_id = %s", (person.user_id,)
        )
    [before] = await person.rows(SandboxRow)
    await person.ask("Boot")
    await person.ask("Sealed")
    [idle] = await person.rows(SandboxRow)
    assert idle.last_active_at == before.last_active_at
    await person.ask("Context", {"run_id": str(run.id)})
    [busy] = await person.rows(SandboxRow)
    assert busy.last_active_at > before.last_active_at
