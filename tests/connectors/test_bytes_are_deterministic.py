"""Equal arguments are equal bytes; any changed argument is another digest."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.registry import connector
from activities.connectors.smtp import SMTP
from tests.connectors.samples import ADA, CRM, MAILBOX, messages, record, thorough, updates


def _shuffled(value: dict[str, Any], seed: int) -> dict[str, Any]:
    items = list(value.items())
    random.Random(seed).shuffle(items)
    return {key: _shuffled(item, seed) if isinstance(item, dict) else item for key, item in items}


@thorough
@given(updates, st.integers(0, 99))
def test_an_update_does_not_depend_on_key_order(arguments: dict[str, Any], seed: int) -> None:
    operation = HUBSPOT.gated("contacts.update")
    first = operation.request(CRM, operation.parse(arguments))
    again = operation.request(CRM, operation.parse(_shuffled(arguments, seed)))
    assert first.digest() == again.digest()
    one, other = operation.parse(arguments), operation.parse(_shuffled(arguments, seed))
    assert operation.prior_request(CRM, one) == operation.prior_request(CRM, other)


@thorough
@given(updates, updates)
def test_other_updates_have_other_digests(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(one != other)
    operation = HUBSPOT.gated("deals.update")
    digests = {operation.request(CRM, operation.parse(arguments)).digest() for arguments in (one, other)}
    assert len(digests) == 2


@thorough
@given(messages)
def test_a_message_is_the_same_bytes_every_time(arguments: dict[str, Any]) -> None:
    operation = SMTP.gated("email.send")
    first = operation.build(MAILBOX, arguments, None)
    assert operation.build(MAILBOX, dict(reversed(arguments.items())), None).digest() == first.digest()


@thorough
@given(messages, st.sampled_from(["subject", "body", "key", "to", "cc", "reply_to", "in_reply_to"]))
def test_any_changed_argument_changes_the_message(arguments: dict[str, Any], field: str) -> None:
    extra: dict[str, Any] = {
        "subject": arguments["subject"] + "x",
        "body": arguments["body"] + "x",
        "key": arguments["key"] + "x",
        "to": [*arguments["to"], "late@comer.example"],
        "cc": [*arguments["cc"], "late@comer.example"],
        "reply_to": "late@comer.example",
        "in_reply_to": "<1@comer.example>",
    }
    operation = SMTP.gated("email.send")
    first = operation.build(MAILBOX, arguments, None)
    changed = operation.build(MAILBOX, {**arguments, field: extra[field]}, None)
    assert first.request.digest() != changed.request.digest()
    assert first.digest() != changed.digest()


def test_the_connection_and_its_sender_are_part_of_the_bytes() -> None:
    arguments = {"to": ["a@b.example"], "subject": "Hello", "body": "Hi", "key": "k"}
    operation = connector("smtp").gated("email.send")
    others = [
        MAILBOX.model_copy(update={"id": CRM.id}),
        MAILBOX.model_copy(update={"settings": {"from_address": "other@acme.example"}}),
    ]
    digests = {operation.build(mailbox, arguments, None).request.digest() for mailbox in (MAILBOX, *others)}
    assert len(digests) == 3


def test_the_digest_covers_what_the_card_showed_as_before() -> None:
    operation = HUBSPOT.gated("contacts.update")
    arguments = {"id": "51", "properties": {"jobtitle": "CTO"}}
    one = operation.build(CRM, arguments, record("51", ADA))
    other = operation.build(CRM, arguments, record("51", {**ADA, "jobtitle": "Engineer"}))
    assert one.request == other.request
    assert one.digest() != other.digest()
