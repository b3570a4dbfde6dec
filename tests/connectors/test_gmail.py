"""Gmail: the bytes of a message, what can never get into its headers, and mail as strangers send it."""

from __future__ import annotations

import base64
import json
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import given

from activities.connectors.base import ConnectionInfo
from activities.connectors.gmail import GMAIL
from activities.connectors.gmail.message import KEY_HEADER
from activities.connectors.smtp import SMTP
from coco.errors import Code, InvalidInput, Refused
from coco.requests import PreparedRequest
from tests.connectors.examples import answer
from tests.connectors.examples.gmail import DRAFT, EXAMPLES, MAIL, MESSAGE, PLAIN, THREAD, encoded
from tests.connectors.samples import messages, thorough

SEND = GMAIL.gated("email.send")
DRAFT_IT = GMAIL.gated("drafts.create")
MAILBOX = EXAMPLES.connection
BARE = ConnectionInfo(id=MAILBOX.id, connector="gmail", title="Mailbox")


def raw_of(request: PreparedRequest) -> bytes:
    body = json.loads(request.body)
    return base64.urlsafe_b64decode(body.get("message", body)["raw"])


def sent(arguments: dict[str, Any], connection: ConnectionInfo = MAILBOX) -> EmailMessage:
    found = message_from_bytes(raw_of(SEND.request(connection, SEND.parse(arguments))), policy=policy.SMTP)
    assert isinstance(found, EmailMessage)
    return found


def test_the_message_is_what_smtp_would_carry_but_for_its_identity() -> None:
    arguments = {name: value for name, value in MAIL.items() if name != "thread_id"}
    over_smtp = SMTP.gated("email.send")
    theirs = over_smtp.request(MAILBOX, over_smtp.parse(arguments)).body_bytes().split(b"\r\n")
    ours = raw_of(SEND.request(MAILBOX, SEND.parse(arguments))).split(b"\r\n")
    own = (b"message-id:", b" <", KEY_HEADER.lower().encode())
    assert [line for line in ours if not line.lower().startswith(own)] == [
        line for line in theirs if not line.lower().startswith(own)
    ]


@thorough
@given(messages)
def test_any_message_says_what_its_card_shows(arguments: dict[str, Any]) -> None:
    action = SEND.build(MAILBOX, arguments, None)
    seen = sent(arguments)
    assert str(seen["Subject"]) == action.preview.after["subject"]
    assert [a.addr_spec for a in seen["To"].addresses] == action.preview.after["to"]
    assert seen.get_content().replace("\r\n", "\n").rstrip("\n") == action.preview.body.rstrip("\n")
    assert set(seen.keys()) <= {
        *("From", "To", "Cc", "Subject", "Message-ID", KEY_HEADER, "Content-Type"),
        *("Content-Transfer-Encoding", "MIME-Version"),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: thief@evil.example"},
        {"subject": "Hello\u2028Bcc: thief@evil.example"},
        {"to": ["ada@engine.example\r\nBcc: thief@evil.example"]},
        {"to": ["ada@engine.example, thief@evil.example"]},
        {"to": ['"Ada@real.example" <thief@evil.example>']},
        {"bcc": ["thief@evil.example"]},
        {"from": "ceo@acme.example"},
        {"reply_to": "x@y.example\r\nBcc: thief@evil.example"},
        {"in_reply_to": "<1@x.example>\r\nBcc: thief@evil.example"},
        {"thread_id": "18c0/../drafts"},
        {"thread_id": ""},
        {"thread_id": "18c0ff00", "in_reply_to": None},
        {"key": ""},
    ],
)
@pytest.mark.parametrize("operation", ["email.send", "drafts.create"])
def test_refused(operation: str, changes: dict[str, Any]) -> None:
    gated = GMAIL.gated(operation)
    with pytest.raises(InvalidInput, match=operation.replace(".", r"\.")):
        gated.build(MAILBOX, {**MAIL, **changes}, answer(THREAD))


def test_without_a_sender_in_the_settings_gmail_fills_in_the_accounts_own() -> None:
    message = sent(PLAIN, BARE)
    assert "From" not in message
    assert SEND.build(BARE, PLAIN, None).preview.after["from"] == "the Gmail account “Mailbox”"
    assert str(sent(PLAIN)["From"].addresses[0].addr_spec) == "sales@acme.example"


@pytest.mark.parametrize("address", ["nobody", "a@acme.example\r\nBcc: thief@evil.example", 5])
def test_a_sender_set_up_wrongly_sends_nothing(address: object) -> None:
    mailbox = MAILBOX.model_copy(update={"settings": {"from_address": address}})
    with pytest.raises(InvalidInput, match="Mailbox"):
        SEND.build(mailbox, PLAIN, None)


def test_two_messages_that_say_the_same_are_two_messages() -> None:
    digests = {SEND.build(MAILBOX, {**PLAIN, "key": key}, None).request.digest() for key in ("a", "b")}
    assert len(digests) == 2


def test_a_reply_is_bound_to_the_conversation_as_it_was() -> None:
    arguments = SEND.parse(MAIL)
    told = SEND.prior(arguments, answer(THREAD))
    assert told == {
        "last_id": "18c0ffee",
        "last_at": "2026-01-01T00:00:00+00:00",
        "last_from": "Ada <ada@engine.example>",
        "last_snippet": "Shall we talk?",
        "sent": False,
    }
    half_written = {**MESSAGE, "id": "18c0fffa", "labelIds": ["DRAFT"]}
    assert SEND.prior(arguments, answer({**THREAD, "messages": [MESSAGE, half_written]})) == told
    newer = {**MESSAGE, "id": "18c0fffb", "snippet": "Forget it"}
    assert SEND.prior(arguments, answer({**THREAD, "messages": [MESSAGE, newer]})) != told
    with pytest.raises(InvalidInput, match="there is no conversation"):
        SEND.build(MAILBOX, MAIL, answer({}, 404))
    with pytest.raises(InvalidInput, match="not 18c0ff00"):
        SEND.build(MAILBOX, MAIL, answer({**THREAD, "id": "18c0ff01"}))


def test_what_a_message_says() -> None:
    read = GMAIL.read("messages.get")
    facts = read.facts(read.parse({"id": "18c0ffee"}), answer(MESSAGE))
    assert facts["text"] == "Shall we talk?\nGrüße\n"
    assert (facts["from"], facts["subject"], facts["at"]) == (
        "Ada <ada@engine.example>",
        "Pilot",
        "2026-01-01T00:00:00+00:00",
    )


def _part(data: str, content_type: str = "text/plain", **more: Any) -> dict[str, Any]:
    header = {"name": "Content-Type", "value": content_type}
    return {"mimeType": "text/plain", "headers": [header], "body": {"data": data}, **more}


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (_part(encoded("hi")), "hi"),
        (_part(base64.urlsafe_b64encode("é".encode("latin-1")).decode(), "text/plain; charset=iso-8859-1"), "é"),
        (_part(encoded("hi"), "text/plain; charset=no-such-thing"), "hi"),
        (_part(encoded("hi"), 'text/plain; charset="utf-8\r\nx'), "hi"),
        (_part(encoded("a\0b")), "ab"),
        ({"mimeType": "text/html", "body": {"data": encoded("<p>")}}, None),
        (_part(encoded("secret"), filename="notes.txt"), None),
        ({"mimeType": "multipart/mixed", "parts": [{"parts": [_part(encoded("deep"))]}]}, "deep"),
        (_part(encoded("x" * 200_000)), "x" * 100_000),
    ],
)
def test_the_text_of_mail_as_strangers_send_it(payload: dict[str, Any], text: str | None) -> None:
    read = GMAIL.read("messages.get")
    facts = read.facts(read.parse({"id": "18c0ffee"}), answer({**MESSAGE, "payload": payload}))
    assert facts["text"] == text


def test_mail_that_is_nested_without_end_is_turned_down() -> None:
    payload: dict[str, Any] = _part(encoded("x"))
    for _ in range(30):
        payload = {"mimeType": "multipart/mixed", "parts": [payload]}
    read = GMAIL.read("messages.get")
    with pytest.raises(InvalidInput, match="nested too deeply"):
        read.facts(read.parse({"id": "18c0ffee"}), answer({**MESSAGE, "payload": payload}))


def test_a_draft_that_was_changed_is_not_the_one_approved() -> None:
    delete = GMAIL.gated("drafts.delete")
    arguments = delete.parse({"id": "r-51"})
    before = delete.prior(arguments, answer(DRAFT))
    changed = {**DRAFT, "message": {**DRAFT["message"], "id": "18c0fff9"}}
    assert delete.prior(arguments, answer(changed)) != before
    assert delete.applied(arguments, before) is None
    assert delete.applied(arguments, None) is True


def test_a_saved_draft_goes_to_nobody() -> None:
    action = DRAFT_IT.build(MAILBOX, PLAIN, None)
    assert action.request.target == "/gmail/v1/users/me/drafts"
    assert action.preview.summary == "Save the draft “Pilot” to ada@engine.example in Gmail"
    assert action.reversibility == "reversible"


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/gmail/v1/users/me/drafts/send"),
        ("POST", "/gmail/v1/users/other@acme.example/messages/send"),
        ("GET", "/gmail/v1/users/other@acme.example/messages"),
        ("DELETE", "/gmail/v1/users/me/messages/18c0ffee"),
        ("POST", "/gmail/v1/users/me/messages/18c0ffee/trash"),
        ("POST", "/upload/gmail/v1/users/me/messages/send"),
        ("GET", "/gmail/v1/users/me/messages?q=x&access_token=y"),
        ("PUT", "/gmail/v1/users/me/settings/vacation"),
    ],
)
def test_what_no_route_names_is_refused(method: Any, target: str) -> None:
    with pytest.raises(Refused) as refusal:
        GMAIL.classify(PreparedRequest(protocol="http", method=method, target=target))
    assert refusal.value.code is Code.NOT_IN_MANIFEST
