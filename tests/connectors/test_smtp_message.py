"""One message: who it is from, what it carries, and what can never get into its headers."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Any

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.smtp import SMTP
from activities.connectors.smtp.drafts import draft_of
from activities.connectors.smtp.message import message_id_of
from coco.errors import Code, InvalidInput, Refused
from coco.requests import PreparedRequest, ProviderResponse
from tests.connectors.samples import MAILBOX

SEND = SMTP.gated("email.send")
GOOD: dict[str, Any] = {
    "to": ["ada@engine.example"],
    "subject": "Next step",
    "body": "Hello Ada,\n\n.a line with a dot\n",
    "key": "run:1",
}


def built(**changes: Any) -> PreparedRequest:
    return SEND.build(MAILBOX, {**GOOD, **changes}, None).request


def test_the_message_as_sent() -> None:
    text = built().body
    head, _, body = text.partition("\r\n\r\n")
    assert "Date:" not in head
    assert "boundary" not in head
    assert body == "Hello Ada,\r\n\r\n.a line with a dot\r\n"
    assert all(line.endswith("\r") for line in text.split("\n")[:-1])
    assert message_from_bytes(text.encode(), policy=policy.SMTP)["From"].addresses[0].display_name == "Ada Ünal, Acme"


@pytest.mark.parametrize("body", ["Grüße", "x" * 2000, "tab\tand trailing space \n", "日本語のメール\n" * 30, "=20=\n"])
def test_any_text_travels_in_seven_bits(body: str) -> None:
    request = built(body=body)
    assert request.body.isascii()
    assert max(len(line) for line in request.body.split("\r\n")) <= 998
    received = message_from_bytes(request.body_bytes(), policy=policy.SMTP).get_content()
    assert received.replace("\r\n", "\n").rstrip("\n") == body.rstrip("\n")


def test_line_ends_are_one_kind() -> None:
    assert built(body="a\r\nb\rc").digest() == built(body="a\nb\nc").digest()


def test_the_message_id_is_of_the_sender_and_of_the_arguments() -> None:
    assert message_id_of(built()).endswith("@acme.example>")
    assert message_id_of(built()) == message_id_of(built())
    assert message_id_of(built()) != message_id_of(built(key="run:2"))


def test_threading() -> None:
    sent = message_from_bytes(built(in_reply_to="<1.2@engine.example>").body_bytes(), policy=policy.SMTP)
    assert sent["In-Reply-To"] == sent["References"] == "<1.2@engine.example>"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hello\r\nBcc: thief@evil.example"},
        {"subject": "Hello\nX: y"},
        {"subject": "Hello\u2028Bcc: thief@evil.example"},
        {"subject": "Hello\x00"},
        {"subject": "a\u202eb"},
        {"subject": " "},
        {"subject": ""},
        {"subject": "x" * 251},
        {"to": ["ada@engine.example\r\nBcc: thief@evil.example"]},
        {"to": ["ada@engine.example, thief@evil.example"]},
        {"to": ["Ada <ada@engine.example>"]},
        {"to": ['"Ada@real.example" <thief@evil.example>']},
        {"to": ["ädä@engine.example"]},
        {"to": ['"a b"@engine.example']},
        {"to": ["ada"]},
        {"to": ["ada@localhost"]},
        {"to": ["ada@[127.0.0.1]"]},
        {"to": []},
        {"to": [f"a{i}@engine.example" for i in range(51)]},
        {"to": ["ada@engine.example", "ADA@engine.example"]},
        {"cc": ["ada@engine.example"]},
        {"bcc": ["thief@evil.example"]},
        {"from": "ceo@acme.example"},
        {"reply_to": "x@y.example\r\nBcc: thief@evil.example"},
        {"in_reply_to": "<1@x.example>\r\nBcc: thief@evil.example"},
        {"in_reply_to": "1@x.example"},
        {"key": "two words"},
        {"key": ""},
        {"body": ""},
        {"body": "bell \x07"},
        {"body": "x" * 20_001},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"email\.send"):
        SEND.build(MAILBOX, {**GOOD, **changes}, None)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"from_address": "nobody"},
        {"from_address": 5},
        {"from_address": "a@acme.example\r\nBcc: thief@evil.example"},
        {"from_address": "a@acme.example", "from_name": "Ada\r\nBcc: thief@evil.example"},
        {"from_address": "a@acme.example", "from_name": "x" * 101},
    ],
)
def test_a_mailbox_set_up_wrongly_sends_nothing(settings: dict[str, Any]) -> None:
    mailbox = ConnectionInfo(id=MAILBOX.id, connector="smtp", title="Sales mailbox", settings=settings)
    with pytest.raises(InvalidInput, match="Sales mailbox"):
        SEND.build(mailbox, GOOD, None)


def test_an_international_domain_is_sent_in_ascii() -> None:
    assert built(to=["ada@bücher.example"]).header_values("rcpt-to") == ("ada@xn--bcher-kva.example",)


def test_the_card() -> None:
    action = SEND.build(MAILBOX, {**GOOD, "cc": ["bo@engine.example"]}, None)
    assert action.preview.summary == "Send “Next step” to ada@engine.example and 1 more"
    assert action.preview.body == GOOD["body"]
    assert action.prior is None
    assert (action.credits, action.reversibility) == (5, "irreversible")


def test_the_log_keeps_the_message_id() -> None:
    request = built()
    arguments = SEND.parse(GOOD)
    answer = ProviderResponse.of(250, [("message-id", message_id_of(request))], b"2.0.0 Accepted")
    assert SEND.result(arguments, answer) == {
        "key": "run:1",
        "reply": "2.0.0 Accepted",
        "message_id": message_id_of(request),
    }
    with pytest.raises(InvalidInput):
        SEND.result(arguments, ProviderResponse.of(554, [], b"no"))
    assert SEND.applied(arguments, None) is None


def test_sending_is_the_one_thing_in_the_manifest() -> None:
    assert SMTP.classify(built()).access == "gated"
    with pytest.raises(Refused) as refusal:
        SMTP.classify(PreparedRequest(protocol="http", method="POST", target="/message"))
    assert refusal.value.code is Code.NOT_IN_MANIFEST


def test_a_draft_is_checked_like_a_message_and_stays_inside() -> None:
    draft = draft_of(GOOD)
    assert (draft.to, draft.subject, draft.body) == (("ada@engine.example",), GOOD["subject"], GOOD["body"])
    with pytest.raises(InvalidInput):
        draft_of({**GOOD, "to": ["nobody"]})
