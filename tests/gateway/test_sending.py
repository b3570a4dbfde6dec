"""What is approved is sent, byte for byte, once; and what is certain about it afterwards."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from jose import jwt

from coco import grants
from coco.actions import Action
from coco.gateway_protocol import Credential
from coco.requests import ProviderResponse
from store.tables import ActionRow, ReadRow, Refusal
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, answer, contact

UPDATE = {"id": "1", "properties": {"jobtitle": "CTO"}}
ENGINEER = answer(200, contact(jobtitle="Engineer"))
CTO = answer(200, contact(jobtitle="CTO"))


async def approved(
    person: Person,
    provider: Provider,
    operation: str = "contacts.update",
    arguments: dict[str, Any] = UPDATE,
    *,
    prefix: str = "",
    lifetime: int = 900,
) -> tuple[ActionRow, str]:
    connection = await person.connect("hubspot", provider.url + prefix)
    run = await person.run(connection)
    prior = ProviderResponse.of(200, [], ENGINEER.split(b"\r\n\r\n", 1)[1])
    row = await person.propose(run, connection, operation, arguments, prior)
    await person.set_run(run.id, state="working")
    return row, await person.grant(row, lifetime)


async def test_the_provider_sees_the_approved_bytes_and_nothing_else(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider, prefix="/tenant/7/")
    reply = await person.ask("Send", person.sending(row, grant, BEARER))
    assert reply["state"] == "done"
    assert json.loads(reply["response"]["body"])["properties"]["jobtitle"] == "CTO"
    read, write = provider.seen
    assert read.line.startswith("GET /tenant/7/crm/v3/objects/contacts/1?")
    assert write.line == "PATCH /tenant/7/crm/v3/objects/contacts/1 HTTP/1.1"
    approved_request = Action.model_validate(row.body).request
    assert write.body == approved_request.body_bytes() == b'{"properties":{"jobtitle":"CTO"}}'
    assert write.headers == {
        "host": provider.url.removeprefix("http://"),
        "content-type": "application/json",
        "accept": "*/*",
        "accept-encoding": "identity",
        "user-agent": "coco",
        "authorization": f"Bearer {BEARER.secret}",
        "content-length": str(len(write.body)),
        "connection": "close",
    }
    effect = await person.effect(row)
    assert effect is not None
    assert (effect.state, effect.request_digest) == ("done", approved_request.digest())
    assert await person.spent(row)
    with stage.postgres.connect() as owner:
        dump = "".join(
            str(owner.execute(f"SELECT * FROM {table}").fetchall())
            for table in ("effects", "reads", "refusals", "audit", "grants", "actions", "events")
        )
    assert BEARER.secret not in dump


async def test_a_repeated_call_gets_the_kept_answer_and_nothing_is_sent(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider, lifetime=3)
    message = person.sending(row, grant, BEARER)
    first = await person.ask("Send", message)
    seen = len(provider.seen)
    assert await person.ask("Send", message) == first
    # Even after its time is over, and when the connection is gone: nothing is sent, the answer was kept.
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = 'revoked' WHERE id = %s", (row.connection_id,))
    await asyncio.sleep(max(0.0, jwt.get_unverified_claims(grant)["exp"] - time.time()) + 0.1)
    assert await person.ask("Send", message) == first
    assert len(provider.seen) == seen


async def test_many_calls_at_once_send_one_request(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider)
    provider.hold.clear()
    message = person.sending(row, grant, BEARER)
    calls = [asyncio.create_task(person.ask("Send", message)) for _ in range(12)]
    await provider.arrived.wait()
    provider.hold.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    done = [item for item in results if isinstance(item, dict)]
    others = {item.status for item in results if isinstance(item, Refused)}
    assert done
    assert all(item == done[0] and item["state"] == "done" for item in done)
    assert others <= {"UNAVAILABLE", "RESOURCE_EXHAUSTED"}
    assert len(provider.writes()) == 1


async def test_a_caller_that_leaves_does_not_stop_the_sending(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider)
    message = person.sending(row, grant, BEARER)
    provider.hold.clear()
    leaving = asyncio.create_task(person.ask("Send", message))
    await provider.arrived.wait()
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    provider.hold.set()
    assert (await person.ask("Send", message))["state"] == "done"
    assert len(provider.writes()) == 1


# -- bound to the state it was approved on ---------------------------------------------------------------------------


async def test_a_record_that_changed_is_not_written(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(200, contact(jobtitle="Founder"))]
    row, grant = await approved(person, provider)
    message = person.sending(row, grant, BEARER)
    assert (await person.ask("Send", message))["state"] == "drifted"
    assert provider.writes() == []
    drift = await person.drift(row)
    assert drift is not None
    [read] = [item for item in await person.rows(ReadRow) if item.id == drift.read_id]
    assert json.loads(read.response["body"])["properties"]["jobtitle"] == "Founder"
    assert read.request_digest == Action.model_validate(row.body).prior.request.digest()  # type: ignore[union-attr]
    assert await person.spent(row)
    assert await person.effect(row) is None
    # Were the record set back meanwhile, a repeated call would still send nothing.
    provider.answers = [ENGINEER]
    assert (await person.ask("Send", message))["state"] == "drifted"
    assert provider.writes() == []


async def test_a_record_that_is_gone_is_not_written(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(404, {"message": "not here"})]
    row, grant = await approved(person, provider)
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "drifted"
    assert provider.writes() == []


async def test_a_change_of_another_field_is_no_drift(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(200, contact(jobtitle="Engineer", city="Rome")), CTO]
    row, grant = await approved(person, provider)
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "done"


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(500), "unavailable"),
        (answer(503), "unavailable"),
        (answer(429, headers="retry-after: 1\r\n"), "throttled"),
        (b"", "unavailable"),
        (b"garbage\r\n\r\n", "unavailable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "unavailable"),
        (answer(401), "connection_unusable"),
        (answer(403), "forbidden"),
        (answer(400), "invalid"),
        (answer(302, headers="location: /elsewhere\r\n"), "invalid"),
        (answer(200, b"not json"), "invalid"),
        (answer(200, contact("2", jobtitle="Engineer")), "invalid"),
        (answer(200, {"id": "1", "properties": {}, "archived": False}), "invalid"),
    ],
)
async def test_where_the_prior_value_cannot_be_read_nothing_is_sent_or_spent(
    stage: Stage, provider: Provider, reply: bytes, code: str
) -> None:
    person = await stage.person()
    provider.answers = [reply]
    row, grant = await approved(person, provider)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.code == code
    assert provider.writes() == []
    assert not await person.spent(row)
    assert await person.effect(row) is None
    if code in {"unavailable", "throttled"}:
        # The same call may be made again when it is time, and then works.
        provider.answers = [ENGINEER, CTO]
        assert (await person.patiently("Send", person.sending(row, grant, BEARER)))["state"] == "done"


async def test_a_prior_read_that_hangs_ends_in_time(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    row, grant = await approved(person, provider)
    provider.hold.clear()
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.code == "unavailable"
    assert not await person.spent(row)


# -- what is certain afterwards --------------------------------------------------------------------------------------

LOST = b""
CASES: list[tuple[bytes, str, dict[str, Any]]] = [
    (answer(200), "done", {}),
    (answer(201, {"id": "5"}), "done", {}),
    (answer(204), "done", {}),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "done", {}),
    (answer(200, b"x" * 2_100_000), "done", {}),
    (b"HTTP/1.1 103 Early\r\n\r\n" + answer(200), "done", {}),
    (answer(400), "failed", {}),
    (answer(404), "failed", {}),
    (answer(409), "failed", {}),
    (answer(500), "unknown", {}),
    (answer(502), "unknown", {}),
    (answer(302, headers="location: /elsewhere\r\n"), "unknown", {}),
    (answer(303, headers="location: /elsewhere\r\n"), "unknown", {}),
    (LOST, "unknown", {}),
    (b"garbage\r\n\r\n", "unknown", {}),
    (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "unknown", {}),
]


@pytest.mark.parametrize(("reply", "state", "detail"), CASES)
async def test_what_the_answer_makes_of_it(
    stage: Stage, provider: Provider, reply: bytes, state: str, detail: dict[str, Any]
) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, reply, ENGINEER]
    row, grant = await approved(person, provider)
    message = person.sending(row, grant, BEARER)
    assert (await person.ask("Send", message))["state"] == state
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == state
    assert effect.finished_at is not None
    assert (await person.ask("Send", message))["state"] == state
    assert len(provider.writes()) == 1
    assert all("/elsewhere" not in seen.line for seen in provider.seen)


async def test_an_unknown_outcome_settles_itself_where_the_change_can_be_seen(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, LOST, CTO]
    row, grant = await approved(person, provider)
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "done"
    effect = await person.effect(row)
    assert effect is not None
    assert effect.detail["settled_by"] == "read-back"
    [read] = [item for item in await person.rows(ReadRow) if str(item.id) == effect.detail["read"]]
    assert "CTO" in read.response["body"]
    assert len(provider.writes()) == 1


async def test_what_a_person_is_asked_about_is_not_read_back_any_more(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, LOST, ENGINEER]
    row, grant = await approved(person, provider)
    message = person.sending(row, grant, BEARER)
    assert (await person.ask("Send", message))["state"] == "unknown"
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE actions SET state = 'outcome_unknown' WHERE id = %s", (row.id,))
    seen = len(provider.seen)
    provider.answers = [CTO]
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert len(provider.seen) == seen


async def test_an_answer_that_does_not_come_in_time_is_unknown(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [answer(200)]
    row, grant = await approved(person, provider, "contacts.create", {"properties": {"email": "a@example.test"}})
    provider.hold.clear()
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "unknown"
    provider.hold.set()
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "unknown"
    assert len(provider.writes()) == 1


async def test_a_provider_that_is_not_there_spends_nothing(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    row, grant = await approved(person, provider, "contacts.create", {"properties": {"email": "a@example.test"}})
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET base_url = 'http://127.0.0.1:9' WHERE id = %s", (row.connection_id,))
    message = person.sending(row, grant, BEARER)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", message)
    assert (caught.value.status, caught.value.code) == ("UNAVAILABLE", "unavailable")
    assert not await person.spent(row)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET base_url = %s WHERE id = %s", (provider.url, row.connection_id))
        # The pause that a failing provider is given is over.
        owner.execute("UPDATE paces SET blocked_until = now() - interval '1 second'")
    provider.answers = [answer(201, {"id": "5"})]
    assert (await person.ask("Send", message))["state"] == "done"
    assert await person.rows(Refusal) == []


async def test_a_provider_that_repeats_the_key_does_not_get_it_kept(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    echo = answer(200, {"you sent": BEARER.secret}, f"x-request-id: {BEARER.secret}\r\nset-cookie: a=b\r\n")
    provider.answers = [ENGINEER, echo]
    row, grant = await approved(person, provider)
    reply = await person.ask("Send", person.sending(row, grant, BEARER))
    assert BEARER.secret not in json.dumps(reply)
    effect = await person.effect(row)
    assert effect is not None
    assert BEARER.secret not in json.dumps(effect.response)
    assert "set-cookie" not in json.dumps(effect.response)


@pytest.mark.parametrize(
    "credential",
    [
        Credential(scheme="none"),
        Credential(scheme="bearer", secret=""),
        Credential(scheme="password", username="u", secret="p"),
        Credential(scheme="bearer", secret="a b"),
        Credential(scheme="bearer", secret="a\r\nx-evil: 1"),
        Credential(scheme="bearer", secret="schlüssel"),
    ],
)
async def test_a_credential_of_another_kind_is_not_put_into_a_request(
    stage: Stage, provider: Provider, credential: Credential
) -> None:
    person = await stage.person()
    row, grant = await approved(person, provider)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, credential))
    assert caught.value.code in {"connection_unusable", "invalid"}
    assert provider.connections == 0


async def test_a_guess_at_another_grant_of_the_same_action_learns_nothing(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    provider.answers = [ENGINEER, CTO]
    row, grant = await approved(person, provider)
    await person.ask("Send", person.sending(row, grant, BEARER))
    thief = await stage.person()
    with pytest.raises(Refused) as caught:
        await thief.ask("Send", person.sending(row, grant, BEARER))
    assert caught.value.code == "grant_mismatch"
    assert grants.names_action(grant, row.id)
