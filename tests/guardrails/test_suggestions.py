"""A suggestion that is a whole sentence is one that compiles: an owner can take it as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.english.offers import ANY, OFFERS

REFUSED = [
    json.loads(line)["sentence"]
    for line in (Path(__file__).parent / "corpus" / "refused.jsonl").read_text("utf-8").splitlines()
]
OPENINGS = (
    "Archive ",
    "Send ",
    "Draft ",
    "Enrich ",
    "Move ",
    "Update ",
    "Tag ",
    "Add ",
    "Assign ",
    "Delete ",
    "Create ",
)


def _whole(suggestion: str) -> bool:
    return suggestion.startswith(OPENINGS) and suggestion.endswith(".") and "…" not in suggestion


@pytest.mark.parametrize("sentence", REFUSED, ids=lambda sentence: sentence[:60])
def test_whole_sentences_that_are_suggested_compile(sentence: str) -> None:
    for problem in compile_sentence(sentence).problems:
        if _whole(problem.suggestion):
            compiled = compile_sentence(problem.suggestion)
            assert compiled.ok, (problem.suggestion, [one.message for one in compiled.problems])


def test_nearly_every_refusal_suggests_a_rule_that_is_accepted() -> None:
    problems = [problem for sentence in REFUSED for problem in compile_sentence(sentence).problems]
    accepted = [one for one in problems if one.suggestion and compile_sentence(one.suggestion, suggesting=False).ok]
    assert len(accepted) >= 0.95 * len(problems)


@pytest.mark.parametrize("rule", [ANY, *(rule for _, rule in OFFERS)])
def test_what_is_offered_is_accepted(rule: str) -> None:
    assert compile_sentence(rule).ok


# sentence, what is suggested; "" for an example of the same kind, which the message says it is
SUGGESTED = [
    (
        "Archive contacts who have not replied or been contacted in the last 90 days.",
        "Archive contacts who have neither replied nor been contacted in the last 90 days.",
    ),
    ("Send follow-ups to contacts without any bounces.", "Send follow-ups to contacts where no email has bounced."),
    (
        "Draft follow-ups for contacts whose email hasn't bounced.",
        "Draft follow-ups for contacts where no email has bounced.",
    ),
    ('Archive contacts inactive for 90 days even if tagged "vip".', "Archive contacts inactive for 90 days."),
    ('Archive contacts tagged "test" regardless of owner.', 'Archive contacts tagged "test".'),
    (
        'Move deals with a probability over 0.5 to "Commit".',
        'Move deals with a probability over 50% to "Commit".',
    ),
    ("Archive deals worth less than EUR 1,5 million.", "Archive deals worth less than EUR 1.5 million."),
    ("Archive all open deals except Priya's.", 'Archive all open deals except those owned by "Priya".'),
    ("Archive companies that churned.", 'Archive companies that are tagged "churned".'),
    ("Archive contacts from Müller GmbH.", 'Archive contacts who work at "Müller GmbH".'),
    (
        "Reschedule events only if they have at most 3 attendees and start more than 48 hours from now.",
        "Reschedule events only if they have at most 3 attendees and if the action's start time is more than 48 hours "
        "from now.",
    ),
    (
        "If a contact has no owner and loves Brazil, archive it.",
        'If a contact has no owner and is tagged "loves Brazil", archive it.',
    ),
    (
        "Create a task, due within 48 hours, for every deal over $25k.",
        "Create a task due within 48 hours for every deal over $25k.",
    ),
    # what limits a rule is never left out
    ("Auto-archive any contact older than two years with no deals.", ""),
    ('Enrich contacts tagged "a" in the last 24 hours.', ""),
    ("Cancel meetings with more than 5 attendees at acme.com.", ""),
    ('Send emails to contacts tagged "a" before noon Europe/Berlin.', ""),
    ('Book 30-minute meetings with contacts tagged "client" and nobody else.', ""),
    ("Send mails with up to 3 recipients, none of them at competitor.com.", ""),
    ("Send emails unless any recipient is at competitor.de.", ""),
    ("Send the email only if there is exactly one recipient and that recipient is at ourclient.co.uk.", ""),
    ("Archive contacts with no activity in 90 business days.", ""),
    ("Archive deals around $10k.", ""),
    ('Archive contacts inactive for 90 days, starting with those tagged "junk".', ""),
    ('Archive contacts neither owned by "Ann" nor tagged "vip" or created before 2025.', ""),
    ('Move lost deals to "Archive" after 90 days.', ""),
]


@pytest.mark.parametrize(("sentence", "suggested"), SUGGESTED)
def test_a_suggestion_keeps_what_was_said_or_says_that_it_is_an_example(sentence: str, suggested: str) -> None:
    for problem in compile_sentence(sentence).problems:
        if suggested:
            assert problem.suggestion == suggested
        else:
            assert "for example" in problem.message, problem


@pytest.mark.parametrize(
    "sentence",
    [
        'Under no circumstances may it delete contacts; archive contacts tagged "a".',
        "The agent shall not delete any record.",
    ],
)
def test_no_example_does_what_the_sentence_forbids(sentence: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert not problem.suggestion.startswith("Delete")


@pytest.mark.parametrize(
    "sentence",
    [
        "Archive leads with no phone and email.",  # nothing but the kind of contact would be left
        "Archive any contact with no deals.",
        'Archive contacts tagged "a" unless they have open deals.',
        'Send emails to contacts tagged "a" but not too many.',
    ],
)
def test_no_suggestion_leaves_out_what_holds_a_rule_back(sentence: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert "Left out" not in problem.message, problem
        assert "Without" not in problem.message, problem


@pytest.mark.parametrize(
    ("sentence", "opening"),
    [
        ("Archive deals nobody seems to love.", "Archive deals "),
        ("Create tasks for companies that look odd.", "Create tasks for companies "),
        ("Move deals somewhere nice.", "Move deals "),
        ("Run enrichment on companies that feel right.", "Run enrichment on companies "),
        ("Send DMs to whoever is around.", "Send direct messages "),
    ],
)
def test_an_example_has_the_same_operation_and_records(sentence: str, opening: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert problem.suggestion.startswith(opening), problem
