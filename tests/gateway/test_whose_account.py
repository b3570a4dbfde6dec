"""A sandbox brings the credential; only the connection's own is put into a request, so that no other account's answers
pass for this one's."""

from __future__ import annotations

import pytest

from coco.gateway_protocol import Credential
from coco.requests import ProviderResponse
from store.tables import ReadRow
from tests.gateway.harness import BEARER, Provider, Refused, Stage, answer, contact
from tests.gateway.test_reads import planning, reading

FOREIGN = Credential(scheme="bearer", secret="the-key-of-another-account")


async def test_another_accounts_records_are_never_attested(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact())]
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection, credential=FOREIGN.model_dump(mode="json")))
    assert caught.value.code == "connection_unusable"
    assert provider.connections == 0
    assert await person.rows(ReadRow) == []


async def test_an_approved_action_is_not_done_in_another_account(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    prior = answer(200, contact(jobtitle="Engineer"))
    body = prior.partition(b"\r\n\r\n")[2]
    arguments = {"id": "1", "properties": {"jobtitle": "CTO"}}
    row = await person.propose(run, connection, "contacts.update", arguments, ProviderResponse.of(200, [], body))
    grant = await person.grant(row)
    provider.answers = [prior, answer(200, {"id": "1"})]
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, FOREIGN))
    assert caught.value.code == "connection_unusable"
    assert provider.connections == 0
    assert not await person.spent(row)
    assert (await person.ask("Send", person.sending(row, grant, BEARER)))["state"] == "done"


async def test_one_connections_credential_is_not_anothers(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    other = await person.connect("hubspot", provider.url, credential=FOREIGN)
    connection = await person.connect("hubspot", provider.url)
    run = await person.run(connection, other)
    provider.answers = [answer(200, contact())]
    with pytest.raises(Refused):
        await person.ask("Read", reading(run, connection, credential=FOREIGN.model_dump(mode="json")))
    await person.ask("Read", reading(run, other, credential=FOREIGN.model_dump(mode="json")))
    [seen] = provider.seen
    assert seen.headers["authorization"] == f"Bearer {FOREIGN.secret}"


async def test_a_connection_without_a_known_credential_carries_nothing(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE sealed_credentials SET fingerprint = NULL WHERE connection_id = %s", (connection.id,))
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == "connection_unusable"
    assert provider.connections == 0


async def test_what_is_kept_of_a_credential_does_not_show_it(stage: Stage) -> None:
    person = await stage.person()
    await person.connect("hubspot", "http://127.0.0.1:9")
    await person.connect("hubspot", "http://127.0.0.1:9")
    with stage.postgres.connect() as owner:
        rows = owner.execute(
            "SELECT fingerprint FROM sealed_credentials WHERE user_id = %s", (person.user_id,)
        ).fetchall()
    kept = [bytes(row[0]) for row in rows]
    assert len(set(kept)) == 2
    assert not any(BEARER.secret.encode() in item for item in kept)
