"""Forms of ordinary sentences on facts written for them: covered on one side of the line, held on the other, and held
where a fact that the sentence speaks of is missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coco.guardrails.check import check_lines
from coco.guardrails.english.compiler import compile_sentence

from .strategies import CATALOGUE

NOW = "2026-11-24T10:00:00Z"
Facts = dict[str, Any]

# sentence, facts it covers, what to change so that it is held
FORMS: list[tuple[str, Facts, Facts]] = [
    (
        'Set the deal stage to "Proposal" when the amount is above 20k EUR.',
        {"deal.amount": 20_001, "deal.currency": "EUR"},
        {"deal.amount": 20_000},
    ),
    (
        'If a deal is silent for 60 days, change the stage to "Lost" unless the amount is over $5k.',
        {"deal.last_activity_at": "2026-09-01T10:00:00Z", "deal.amount": 5_000, "deal.currency": "USD"},
        {"deal.amount": 5_001},
    ),
    (
        'Set the owner to "Ann" for leads in Germany.',
        {"contact.lifecycle_stage": "lead", "contact.country": "DE"},
        {"contact.lifecycle_stage": "customer"},
    ),
    (
        'Archive contacts tagged "temp" 30 days after they were created.',
        {"contact.tags": ["temp"], "contact.created_at": "2026-10-25T09:59:59Z"},
        {"contact.created_at": "2026-10-25T10:00:00Z"},
    ),
    (
        "Archive contacts that haven't replied 5 days after being contacted.",
        {"contact.last_reply_at": None, "contact.last_contacted_at": "2026-11-19T09:00:00Z"},
        {"contact.last_contacted_at": "2026-11-20T09:00:00Z"},
    ),
    (
        "Enrich new leads within one hour unless they have a phone number.",
        {"contact.lifecycle_stage": "lead", "contact.phone": None, "contact.created_at": "2026-11-24T09:00:00Z"},
        {"contact.created_at": "2026-11-24T08:59:59Z"},
    ),
    (
        'Post to #wins when a deal closes won.',
        {"deal.status": "won"},
        {"deal.status": "lost"},
    ),
    (
        "Archive deals that were closed lost over a year ago.",
        {"deal.stage": "Closed Lost", "deal.close_date": "2025-11-22T10:00:00Z"},
        {"deal.close_date": "2025-11-24T10:00:00Z"},
    ),
    (
        "Enrich contacts at companies with more than 50 but fewer than 500 employees.",
        {"company.employees": 51, "contact.id": "7"},
        {"company.employees": 500},
    ),
    (
        "Archive contacts that have a phone number and a job title.",
        {"contact.phone": "+49", "contact.jobtitle": "CTO"},
        {"contact.jobtitle": None},
    ),
    (
        "Archive contacts that have a phone number or a job title.",
        {"contact.phone": None, "contact.jobtitle": "CTO"},
        {"contact.jobtitle": None},
    ),
    (
        "Send emails to acme.com addresses only.",
        {"action.recipients": ["a@acme.com", "b@acme.com"]},
        {"action.recipients": ["a@acme.com", "b@globex.com"]},
    ),
    (
        "If a contact has bounced at least twice, archive it.",
        {"email.bounced": [True, False, True], "contact.id": "7"},
        {"email.bounced": [True, False, False]},
    ),
    (
        "Archive unassigned deals older than a year, but not the won ones.",
        {"deal.owner": None, "deal.created_at": "2025-11-01T10:00:00Z", "deal.status": "lost"},
        {"deal.status": "won"},
    ),
    (
        "Draft a nudge for deals that went cold more than 21 days ago.",
        {"deal.last_activity_at": "2026-11-03T09:00:00Z"},
        {"deal.last_activity_at": "2026-11-04T10:00:00Z"},
    ),
    (
        'Unless they belong to the "Strategic" pipeline, archive deals that were lost.',
        {"deal.pipeline": "SMB", "deal.status": "lost"},
        {"deal.pipeline": "Strategic"},
    ),
    (
        "Archive leads in the CRM for more than 3 years without replying.",
        {
            "contact.lifecycle_stage": "lead",
            "contact.created_at": "2023-01-01T10:00:00Z",
            "contact.last_reply_at": None,
        },
        {"contact.last_reply_at": "2024-01-01T10:00:00Z"},
    ),
    (
        'Update contacts tagged "verify", but never the email.',
        {"contact.tags": ["verify"], "action.fields": ["phone"]},
        {"action.fields": ["phone", "email"]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "covered", "changed"), FORMS, ids=lambda value: str(value)[:60])
def test_both_sides_of_the_line(sentence: str, covered: Facts, changed: Facts) -> None:
    compiled = compile_sentence(sentence)
    assert compiled.ok, [problem.message for problem in compiled.problems]
    records: list[Facts] = [covered, covered | changed]
    told = [name for name in covered if name != "contact.id"]  # the id is there so that there is a contact at all
    records += [{name: value for name, value in covered.items() if name != missing} for missing in told]
    lines = [json.dumps({"id": str(number), "now": NOW} | one) for number, one in enumerate(records)]
    answers = check_lines(compiled, lines, CATALOGUE, now=None)
    assert [answer.id for answer in answers if answer.covered] == ["0"]


@pytest.mark.parametrize(
    "sentence",
    [
        "Draft follow-ups for deals silent for 14 days. Don't send on Sundays Europe/Berlin.",
        "Cancel all meetings on Friday Europe/Berlin.",
        "Archive contacts that were customers.",
        'Create a task named "Call" for deals in negotiation.',
        'Enrich contacts tagged "x" with phone numbers.',
        "Send a birthday email to customers.",
        'Enrich contacts tagged neither "vip" nor "press" or in Germany.',
        'Archive leads in Germany if the customer has bounced at least 3 times.',
        "Archive leads in Georgia.",
    ],
)  # fmt: skip
def test_words_that_could_limit_something_else_are_refused(sentence: str) -> None:
    assert not compile_sentence(sentence, suggesting=False).ok
