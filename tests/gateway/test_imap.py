"""Mail is read over IMAP: nothing is changed, nothing that is searched for becomes a command, answers are bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.imap import IMAP
from coco.errors import Code
from coco.errors import Refused as RefusedByRule
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.addresses import Unreachable, parse_base
from sandbox.gateway.delivery.imap_link import ImapLink
from sandbox.gateway.delivery.imap_wire import decoded_name, encoded_name
from store.tables import ReadRow, Run
from tests.connectors.examples.imap import MESSAGE
from tests.gateway.harness import PASSWORD, Person, Refused, Stage
from tests.gateway.imap_server import ImapServer, Mail
from tests.gateway.test_encryption_on_the_way import ANYWHERE, Authority, own_address, trusted
from tests.gateway.test_reads import reading

__all__ = ["trusted"]

READS_ONLY = {"CAPABILITY", "AUTHENTICATE", "LOGIN", "LIST", "EXAMINE", "UID SEARCH", "UID FETCH", "STARTTLS"}


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer.serving() as made:
        made.mailboxes = {
            "INBOX": [
                Mail(3, MESSAGE.replace(b"<2@", b"<3@")),
                Mail(7, MESSAGE, ("\\Seen",)),
                Mail(9, MESSAGE.replace(b"Next step", b'A "quoted" \\ one')),
            ],
            "&ANw-berall": [Mail(1, MESSAGE)],
        }
        yield made


async def connected(stage: Stage, server: ImapServer) -> tuple[Person, Run, ConnectionInfo]:
    person = await stage.person()
    connection = await person.connect("imap", f"imap://127.0.0.1:{server.port}")
    return person, await person.run(connection), connection


async def asked(person: Person, run: Run, connection: ConnectionInfo, operation: str, **arguments: Any) -> Any:
    """The facts of a read that went through the gateway."""
    found = IMAP.read(operation)
    parsed = found.parse(arguments)
    request = found.request(connection, parsed).as_json()
    reply = await person.ask("Read", reading(run, connection, request, credential=PASSWORD.model_dump(mode="json")))
    return found.facts(parsed, ProviderResponse.model_validate(reply["response"]))


async def test_mailboxes_are_listed_by_their_own_names(stage: Stage, server: ImapServer) -> None:
    facts = await asked(*await connected(stage, server), "mailboxes.list")
    assert [item["name"] for item in facts["results"]] == ["INBOX", "Überall"]


async def test_a_search_finds_the_newest_first_and_pages(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    first = await asked(*case, "messages.search", limit=2)
    assert ([item["id"] for item in first["results"]], first["total"]) == (["9", "7"], 3)
    told = first["results"][1]
    assert told["from"] == [{"name": "Ada Ünal", "address": "ada@engine.example"}]
    assert (told["subject"], told["date"]) == ("Re: Next step", "2026-01-05T10:00:00+01:00")
    assert (told["message_id"], told["in_reply_to"]) == ("<2@engine.example>", ["<1@acme.example>"])
    assert told["flags"] == ["\\Seen"]
    assert first["after"] == "1700000000:7"
    last = await asked(*case, "messages.search", limit=2, after=first["after"])
    assert ([item["id"] for item in last["results"]], last["after"]) == (["3"], None)


async def test_a_message_is_handed_on_as_it_is_and_nothing_is_marked_as_read(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    facts = await asked(*case, "messages.get", id="7", uidvalidity="1700000000")
    assert facts["text"].strip() == "Yes, let us."
    assert facts["attachments"] == [{"name": "offer.pdf", "type": "application/pdf", "bytes": 4}]
    assert facts["cut"] is False
    [row] = await case[0].rows(ReadRow)
    assert ProviderResponse.model_validate(row.response).body_bytes() == MESSAGE
    assert {words[0] for words in server.commands} <= READS_ONLY
    assert all("PEEK" in str(words) for words in server.said("UID FETCH"))


async def test_other_mailboxes_and_what_is_not_there(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    facts = await asked(*case, "messages.search", mailbox="Überall")
    assert [item["id"] for item in facts["results"]] == ["1"]
    nowhere: list[tuple[str, dict[str, Any]]] = [
        ("messages.search", {"mailbox": "Nowhere"}),
        ("messages.get", {"id": "8"}),
        ("messages.get", {"id": "7", "uidvalidity": "5"}),
    ]
    for operation, arguments in nowhere:
        with pytest.raises(Exception, match=r"answered (404|410)"):
            await asked(*case, operation, **arguments)


@pytest.mark.parametrize(
    "text", ['a "quoted" \\ one', '") LOGOUT', "{5}", "x NIL) UID STORE 1:* +FLAGS (\\Deleted", "Grüße", "* OK", "~%*"]
)
async def test_what_is_searched_for_stays_one_text(stage: Stage, server: ImapServer, text: str) -> None:
    case = await connected(stage, server)
    facts = await asked(*case, "messages.search", subject=text, mailbox="INBOX")
    [search] = server.said("UID SEARCH")
    assert text.encode() in search
    assert {words[0] for words in server.commands} <= READS_ONLY
    assert len(facts["results"]) == (1 if text.startswith("a ") else 0)


@pytest.mark.parametrize(
    "target",
    [
        "/messages?mailbox=INBOX&limit=1&subject=x%0D%0Ac9%20LOGOUT",
        "/messages?mailbox=INBOX%00&limit=1",
        "/messages?mailbox=INBOX&limit=1&since=1-Jan-2026%20DELETED",
        "/messages?mailbox=INBOX&limit=1&since=2026-02-31",
        "/messages?mailbox=INBOX&limit=100000",
        "/messages?mailbox=INBOX&mailbox=Other&limit=1",
        "/messages?limit=1",
    ],
)
async def test_a_request_that_says_something_else_is_malformed(stage: Stage, server: ImapServer, target: str) -> None:
    person, run, connection = await connected(stage, server)
    request = {"protocol": "imap", "method": "SEARCH", "target": target}
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection, request, credential=PASSWORD.model_dump(mode="json")))
    assert (caught.value.status, caught.value.code) == ("INVALID_ARGUMENT", "invalid")
    assert not server.said("UID SEARCH")


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "STORE", "target": "/messages/1?mailbox=INBOX"},
        {"method": "SELECT", "target": "/messages?mailbox=INBOX&limit=1"},
        {"method": "FETCH", "target": "/messages/1?mailbox=INBOX", "body": "x"},
        {"method": "FETCH", "target": "/messages/1?mailbox=INBOX", "headers": [["accept", "x"]]},
        {"method": "DELETE", "target": "/messages/1?mailbox=INBOX"},
        {"method": "FETCH", "target": "/messages/1:*?mailbox=INBOX"},
        {"method": "FETCH", "target": "/messages/1?mailbox=INBOX&flags=x"},
        {"method": "LIST", "target": "/mailboxes?x=1"},
    ],
)
async def test_there_is_no_way_to_say_more_than_reading(
    stage: Stage, server: ImapServer, request_: dict[str, Any]
) -> None:
    person, run, connection = await connected(stage, server)
    message = reading(run, connection, {"protocol": "imap", **request_}, credential=PASSWORD.model_dump(mode="json"))
    with pytest.raises(Refused) as caught:
        await person.ask("Read", message)
    assert caught.value.code in {"invalid", "not_in_manifest"}
    assert {words[0] for words in server.commands} <= READS_ONLY - {"UID FETCH", "EXAMINE"}


async def test_a_wrong_password_is_the_connections_fault(stage: Stage, server: ImapServer) -> None:
    person = await stage.person()
    wrong = Credential(scheme="password", username="ada", secret="not-the-secret")
    connection = await person.connect("imap", f"imap://127.0.0.1:{server.port}", credential=wrong)
    run = await person.run(connection)
    request = {"protocol": "imap", "method": "LIST", "target": "/mailboxes"}
    with pytest.raises(Refused) as caught:
        await person.ask("Read", reading(run, connection, request, credential=wrong.model_dump(mode="json")))
    assert caught.value.code == "connection_unusable"
    assert not server.said("LIST")


async def test_a_server_that_takes_no_mechanism_is_signed_in_to_by_literals(stage: Stage, server: ImapServer) -> None:
    server.capabilities = "IMAP4rev1"
    await asked(*await connected(stage, server), "mailboxes.list")
    assert server.said("LOGIN") == [["LOGIN", b"ada", PASSWORD.secret.encode()]]


@pytest.mark.parametrize(
    ("instead", "code"),
    [
        (b"* LIST () NIL " + b"x" * 3_000_000 + b"\r\n", "too_large"),
        (b"* LIST () NIL {99999999}\r\n", "too_large"),
        (b"* LIST (((((((((((((((((((((( NIL x\r\nTAG OK\r\n", "unavailable"),
        (b"* LIST ) NIL x\r\nTAG OK\r\n", "unavailable"),
        (b'* LIST () "/" "x\r\nTAG OK\r\n', "unavailable"),
        (b"other OK\r\n", "unavailable"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "unavailable"),
        (b"* BYE [UNAVAILABLE] later\r\n", "unavailable"),
        (b"TAG NO [UNAVAILABLE] later\r\n", "unavailable"),
        (b"* LIST ()", "unavailable"),
        (b"", "unavailable"),
    ],
)
async def test_what_is_too_large_or_broken_is_not_passed_on(
    stage: Stage, server: ImapServer, instead: bytes, code: str
) -> None:
    case = await connected(stage, server)
    server.instead["LIST"] = instead
    with pytest.raises(Refused) as caught:
        await asked(*case, "mailboxes.list")
    assert caught.value.code == code


async def test_a_server_that_never_answers_is_given_up(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    server.hold.add("UID SEARCH")
    with pytest.raises(Refused) as caught:
        await asked(*case, "messages.search")
    assert caught.value.code == "unavailable"


async def test_a_long_message_is_cut_and_says_so(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    server.mailboxes["INBOX"].append(Mail(20, b"Subject: long\r\n\r\n" + b"word \r\n" * 200_000))
    facts = await asked(*case, "messages.get", id="20")
    assert facts["cut"] is True
    assert facts["subject"] == "long"


async def test_a_secret_in_a_message_is_blotted_out(stage: Stage, server: ImapServer) -> None:
    case = await connected(stage, server)
    server.mailboxes["INBOX"].append(Mail(20, b"Subject: x\r\n\r\nyour password is " + PASSWORD.secret.encode()))
    assert PASSWORD.secret not in json.dumps(await asked(*case, "messages.get", id="20"))


# -- on the way ------------------------------------------------------------------------------------------------------


async def test_where_encryption_is_offered_it_is_used(server: ImapServer, trusted: Authority) -> None:
    server.tls = trusted.server()
    link = await ImapLink.open(parse_base(f"imap://127.0.0.1:{server.port}", "imap"), PASSWORD, ANYWHERE)
    answer = await link.exchange(PreparedRequest(protocol="imap", method="LIST", target="/mailboxes"), 5)
    await link.close()
    assert (answer.status, answer.complete) == (200, True)
    assert [words[0] for words in server.commands][:4] == ["CAPABILITY", "STARTTLS", "CAPABILITY", "AUTHENTICATE"]


async def test_a_mail_server_that_nobody_vouches_for_gets_no_password(server: ImapServer, tmp_path: Path) -> None:
    server.tls = Authority(tmp_path).server()
    with pytest.raises(Unreachable):
        await ImapLink.open(parse_base(f"imap://127.0.0.1:{server.port}", "imap"), PASSWORD, ANYWHERE)
    assert not server.said("AUTHENTICATE")


async def test_what_is_said_before_the_encryption_ends_the_session(server: ImapServer, trusted: Authority) -> None:
    server.tls = trusted.server()
    server.instead["STARTTLS"] = b"TAG OK begin\r\n* OK [ALERT] from whoever is on the way\r\n"
    with pytest.raises(Unreachable):
        await ImapLink.open(parse_base(f"imap://127.0.0.1:{server.port}", "imap"), PASSWORD, ANYWHERE)
    assert not server.said("AUTHENTICATE")


async def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    host, made = own_address(), ImapServer()
    listening = await asyncio.start_server(made._serve, host, 0)
    port = listening.sockets[0].getsockname()[1]
    try:
        with pytest.raises(RefusedByRule) as caught:
            await ImapLink.open(parse_base(f"imap://{host}:{port}", "imap"), PASSWORD, ANYWHERE)
    finally:
        listening.close()
    assert caught.value.code is Code.CONNECTION_UNUSABLE
    assert not made.said("AUTHENTICATE")
    assert not made.said("LOGIN")


@pytest.mark.parametrize(
    ("name", "spelled"),
    [
        ("INBOX", b"INBOX"),
        ("Überall", b"&ANw-berall"),
        ("A & B", b"A &- B"),
        ("台北", b"&U,BTFw-"),
        ("x/é/y", b"x/&AOk-/y"),
    ],
)
def test_names_of_mailboxes(name: str, spelled: bytes) -> None:
    assert encoded_name(name) == spelled
    assert decoded_name(spelled) == name
