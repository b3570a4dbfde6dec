"""Reads: free, carried exactly, bounded, and attested by the gateway's own record."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any

import pytest

from activities.connectors.base import ConnectionInfo
from coco.canonical import digest
from store import runs
from store.tables import ReadRow, Run
from tests.gateway.harness import BEARER, Person, Provider, Refused, Stage, answer, contact

GET = {"protocol": "http", "method": "GET", "target": "/crm/v3/objects/contacts/1?properties=city&archived=false"}
SEARCH = {
    "protocol": "http",
    "method": "POST",
    "target": "/crm/v3/objects/contacts/search",
    "headers": [["content-type", "application/json"]],
    "body": '{"limit":1}',
}


def reading(run: Run, connection: ConnectionInfo, request: dict[str, Any] = GET, **changed: Any) -> dict[str, Any]:
    message = {
        "run_id": str(run.id),
        "connection_id": str(connection.id),
        "request": request,
        "credential": BEARER.model_dump(mode="json"),
    }
    return message | changed


async def planning(person: Person, provider: Provider) -> tuple[Run, ConnectionInfo]:
    connection = await person.connect("hubspot", provider.url)
    return await person.run(connection), connection


@pytest.mark.parametrize("request_", [GET, SEARCH])
async def test_a_read_is_carried_and_its_record_says_what_was_asked_and_answered(
    stage: Stage, provider: Provider, request_: dict[str, Any]
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact(), "x-request-id: abc\r\nset-cookie: session=1\r\n")]
    reply = await person.ask("Read", reading(run, connection, request_))
    [seen] = provider.seen
    assert seen.line == f"{request_['method']} {request_['target']} HTTP/1.1"
    assert seen.body == request_.get("body", "").encode()
    assert seen.headers["authorization"] == f"Bearer {BEARER.secret}"
    [row] = await person.rows(ReadRow)
    assert str(row.id) == reply["read_id"]
    assert (row.run_id, row.connection_id) == (run.id, connection.id)
    assert row.request_digest == digest(row.request)
    assert row.response_digest == digest(row.response)
    assert row.response == reply["response"]
    assert json.loads(row.response["body"]) == contact()
    assert dict(row.response["headers"]) == {"content-type": "application/json", "x-request-id": "abc"}


@pytest.mark.parametrize(
    "changed",
    [
        {"headers": [["content-type", "application/json"], ["x-original-url", "/crm/v3/objects/contacts/1"]]},
        {"headers": [["content-type", "application/json"], ["x-rewrite-url", "/crm/v3/objects/contacts/1"]]},
        {"headers": [["content-type", "application/json"], ["x-original-method", "DELETE"]]},
        {"headers": [["content-type", "application/json"], ["x-tunneled-method", "DELETE"]]},
        {"headers": [["content-type", "application/json"], ["content-encoding", "gzip"]]},
        {"headers": [["content-type", "application/x-www-form-urlencoded"]], "body": "_method=DELETE"},
        {"headers": [["content-type", "multipart/form-data; boundary=x"]]},
        {"headers": [["content-type", "application/json"], ["content-type", "text/xml"]]},
        {"headers": [["content-type", "application/json"], ["accept", "*/*"], ["accept", "text/html"]]},
        {"target": "/crm/v3/objects/contacts/search?_method=DELETE"},
        {"target": "/crm/v3/objects/contacts/search?a=1&_HttpMethod=PATCH"},
        {"target": "/crm/v3/objects/contacts/search?X-HTTP-Method-Override=PUT"},
        {"target": "/crm/v3/objects/contacts/search?%5Fmethod=DELETE"},
        {"target": "/crm/v3/objects/contacts/search?x=1;_method=DELETE"},
        {"target": "/crm/v3/objects/contacts/1?_method=DELETE", "method": "GET", "headers": [], "body": ""},
    ],
)
async def test_a_read_that_a_server_could_take_for_a_write_is_refused(
    stage: Stage, provider: Provider, changed: dict[str, Any]
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection, SEARCH | changed))
    assert (caught.value.status, caught.value.code) == ("PERMISSION_DENIED", "not_in_manifest")
    assert provider.connections == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"target": GET["target"] + "\n"},
        {"target": "/crm/v3/objects/contacts/1\n"},
        {"headers": [["accept\n", "x"]]},
        {"headers": [["transfer-encoding\n", "chunked"]]},
        {"headers": [["accept", "\u00fc"]]},
        {"headers": [["accept", " x"]]},
    ],
)
async def test_a_request_that_cannot_go_out_as_it_is_is_malformed(
    stage: Stage, provider: Provider, changed: dict[str, Any]
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection, GET | changed))
    assert (caught.value.status, caught.value.code) == ("INVALID_ARGUMENT", "invalid")
    assert provider.connections == 0


async def test_a_name_that_resolves_slowly_holds_up_nobody_else(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, ordinary = threading.Event(), socket.getaddrinfo

    def slow(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "slow.example":
            release.wait(60)
            raise socket.gaierror
        return ordinary(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    slow_one, other = await stage.person(), await stage.person()
    hanging = await slow_one.connect("hubspot", "http://slow.example")
    hanging_run = await slow_one.run(hanging)
    run, connection = await planning(other, provider)
    provider.answers = [answer(200, contact())]
    waiting = [asyncio.create_task(slow_one.ask("Read", reading(hanging_run, hanging))) for _ in range(8)]
    try:
        # As many as one user may have at once; more than the loop's own threads on a small machine.
        await asyncio.sleep(0.5)
        big = {**SEARCH, "body": '{"query":"' + "x" * 100_000 + '"}'}
        await person_answered(other, reading(run, connection, big))
    finally:
        release.set()
        await asyncio.gather(*waiting, return_exceptions=True)


async def person_answered(person: Person, message: dict[str, Any]) -> None:
    assert (await person.ask("Read", message, seconds=10))["response"]["status"] == 200


async def test_reads_at_once_by_a_connection_that_was_not_used_yet_hinder_none_of_each_other(
    stage: Stage, provider: Provider
) -> None:
    """Each notes that the connection was used, in the transaction that keeps its answer."""
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact())]
    provider.hold.clear()
    tasks = [asyncio.create_task(person.ask("Read", reading(run, connection))) for _ in range(6)]
    while len(provider.seen) < len(tasks):
        await asyncio.sleep(0.01)
    provider.hold.set()
    replies = await asyncio.gather(*tasks)
    assert [reply["response"]["status"] for reply in replies] == [200] * len(tasks)
    assert len(await person.rows(ReadRow)) == len(tasks)


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_providers_error_is_an_answer_as_well(stage: Stage, provider: Provider, status: int) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(status, {"message": "no"}, "retry-after: 3\r\n")]
    reply = await person.ask("Read", reading(run, connection))
    assert reply["response"]["status"] == status
    assert ["retry-after", "3"] in reply["response"]["headers"]


async def test_a_redirect_is_not_followed(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(302, headers=f"location: {provider.url}/crm/v3/objects/contacts\r\n")]
    assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 302
    assert len(provider.seen) == 1


async def test_no_proxy_is_asked(stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact())]
    assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 200


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer(200, b"x" * 2_000_001), "too_large"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 40,
            "too_large",
        ),
        (answer(200, b"\x01" * 1_500_000), "too_large"),
        (b"HTTP/1.1 200 OK\r\n" + b"x-a: " + b"y" * 200_000 + b"\r\n\r\n", "unavailable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort", "unavailable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "unavailable"),
        (b"", "unavailable"),
    ],
)
async def test_what_is_too_large_or_broken_is_not_passed_on(
    stage: Stage, provider: Provider, reply: bytes, code: str
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [reply]
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == code


async def test_a_provider_that_never_answers_is_given_up(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.hold.clear()
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == "unavailable"


async def test_binary_answers_are_kept(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, b"\x00\xff")]
    reply = await person.ask("Read", reading(run, connection))
    assert (reply["response"]["encoding"], reply["response"]["body"]) == ("base64", "AP8=")


async def test_another_users_run_or_connection_is_not_there(stage: Stage, provider: Provider) -> None:
    person, other = await stage.person(), await stage.person()
    run, connection = await planning(person, provider)
    other_run, other_connection = await planning(other, provider)
    for message in (
        reading(other_run, connection),
        reading(run, other_connection),
        reading(other_run, other_connection),
    ):
        with pytest.raises(Refused) as caught:
            await person.ask("Read", message)
        assert caught.value == Refused("NOT_FOUND", "not_found", "not found")
    assert provider.connections == 0


async def test_a_connection_that_the_workflow_was_not_given(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, _ = await planning(person, provider)
    spare = await person.connect("hubspot", provider.url)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, spare))
    assert caught.value.code == "forbidden"
    assert provider.connections == 0


@pytest.mark.parametrize(
    ("state", "code"),
    [("read_only", None), ("revoked", "connection_unusable"), ("needs_reconnection", "connection_unusable")],
)
async def test_what_each_state_of_a_connection_lets_through(
    stage: Stage, provider: Provider, state: str, code: str | None
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact())]
    with stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = %s WHERE id = %s", (state, connection.id))
    if code is None:
        await person.ask("Read", reading(run, connection))
        return
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == code
    assert provider.connections == 0


@pytest.mark.parametrize(
    ("state", "code"), [("waiting", "conflict"), ("done", "run_cancelled"), ("failed", "run_cancelled")]
)
async def test_only_a_run_that_is_being_planned_reads(stage: Stage, provider: Provider, state: str, code: str) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    await person.set_run(run.id, state=state)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == code
    assert provider.connections == 0


async def test_a_cancelled_run_reads_no_more(stage: Stage, provider: Provider) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    async with stage.postgres.api.user(person.user_id) as session:
        await runs.cancel(session, person.user_id, run.id)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == "run_cancelled"
    assert provider.connections == 0


async def test_a_run_reads_so_much_and_no_more(
    stage: Stage, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = await stage.person()
    run, connection = await planning(person, provider)
    provider.answers = [answer(200, contact())]
    monkeypatch.setattr("store.reads.MAX_READS", 3)
    for _ in range(3):
        await person.ask("Read", reading(run, connection))
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection))
    assert caught.value.code == "too_large"
    assert len(provider.seen) == 3
