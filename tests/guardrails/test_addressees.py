"""What is sent because of a record goes to its contact alone: the record says nothing of anybody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coco.guardrails.cel import cel_holds
from coco.guardrails.check import check_records
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.fast import Columns, compile_rule
from coco.guardrails.records import Record, read_line

from .strategies import CATALOGUE

MAIL = 'Send emails to contacts tagged "customer".'
MEET = "Book meetings of up to 30 minutes with people at acme.com."
DEAL = "Send follow-ups for deals in negotiation."
CONTACT = {"contact.tags": ["customer"], "contact.email": "a@acme.com", "action.duration_minutes": 30}


def _record(facts: dict[str, Any]) -> Record:
    operation = "event.create" if any("attendee" in name for name in facts) else "email.send"
    return read_line(json.dumps({"id": "r", "action.operation": operation, **facts}), CATALOGUE, 1)


CASES = [
    (MAIL, CONTACT | {"action.recipients": ["a@acme.com"]}, True),
    (MAIL, CONTACT | {"action.recipients": ["A@ACME.com"]}, True),
    (MAIL, CONTACT, True),  # nothing is known of where it goes: a gateway always knows
    (MAIL, {"contact.tags": ["customer"], "action.recipients": ["a@acme.com"]}, True),
    (MAIL, CONTACT | {"action.recipients": ["a@acme.com", "x@gmail.com"]}, False),
    (MAIL, CONTACT | {"action.recipients": ["x@gmail.com"]}, False),
    (MAIL, CONTACT | {"action.recipient_count": 2}, False),
    (MAIL, CONTACT | {"contact.email": None, "action.recipients": ["x@gmail.com"]}, False),
    (MEET, CONTACT | {"action.attendees": ["a@acme.com"]}, True),
    (MEET, CONTACT | {"action.attendees": ["a@acme.com", "x@rival.com"]}, False),
    (MEET, CONTACT | {"action.attendees": ["b@acme.com"]}, False),
    (DEAL, {"deal.stage": "negotiation", "action.recipients": ["a@acme.com"]}, True),
    (DEAL, {"deal.stage": "negotiation", "action.recipients": ["a@acme.com", "b@acme.com"]}, False),
    (DEAL, {"deal.stage": "negotiation", "contact.email": "a@acme.com", "action.recipients": ["b@acme.com"]}, False),
    (
        "Send emails to anyone at acme.com when a deal over $20k is won.",
        {
            "deal.status": "won", "deal.amount": 30_000, "deal.currency": "USD",
            "action.recipients": ["a@acme.com", "b@acme.com"],
        },
        True,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "facts", "covered"), CASES)
def test_the_record_is_that_of_whom_it_goes_to(sentence: str, facts: dict[str, Any], covered: bool) -> None:
    compiled, record = compile_sentence(sentence), _record(facts)
    assert compiled.form is not None, compiled.problems
    assert not record.problems
    [answer] = check_records(compiled, [record], CATALOGUE, now=None)
    assert answer.covered is covered, answer.why
    assert compile_rule(compiled.form, CATALOGUE)(record) is covered
    assert Columns([record], CATALOGUE).covered(compiled.form) == bytes([covered])
    assert cel_holds(compiled.form, record, CATALOGUE) is covered


def test_the_reason_names_the_stranger() -> None:
    record = _record(CONTACT | {"action.recipients": ["x@gmail.com"]})
    [answer] = check_records(compile_sentence(MAIL), [record], CATALOGUE, now=None)
    assert "x@gmail.com is written to, and is not contact.email" in answer.why


def test_drafts_and_messages_that_name_a_colleague_are_not_held_to_it() -> None:
    for sentence in ('Draft emails for contacts tagged "customer".', "DM kim@acme.com when a deal over $20k is won."):
        form = compile_sentence(sentence).form
        assert form is not None
        record = read_line(
            json.dumps(
                {
                    "id": "r",
                    "action.operation": form.operations[0].operation,
                    "contact.tags": ["customer"],
                    "contact.email": "a@acme.com",
                    "deal.status": "won",
                    "deal.amount": 30_000,
                    "deal.currency": "USD",
                    "action.recipients": ["kim@acme.com"],
                }
            ),
            CATALOGUE,
            1,
        )
        assert compile_rule(form, CATALOGUE)(record)
