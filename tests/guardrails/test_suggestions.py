"""A suggestion that is a whole sentence is one that compiles: an owner can take it as it stands."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import pytest

from coco.guardrails.english import compiler
from coco.guardrails.english.offers import ANY, OFFERS

compile_sentence = lru_cache(maxsize=None)(compiler.compile_sentence)  # each sentence once, for all the tests here

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


KEPT = 'Archive contacts tagged "x", unless owned by Kim Lee.'
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
        "Enrich contacts only when they have an email and only on weekdays in London.",
        "Enrich contacts only when they have an email and only on weekdays Europe/London.",
    ),
    (
        "Enrich contacts from Germany costing less than 2 credits.",
        "Enrich contacts from Germany costing less than 2 credits per action.",
    ),
    (
        'Archive contacts tagged "x", but not customers, partners or leads.',
        'Archive contacts tagged "x", but not customers, contacts tagged "partner" or leads.',
    ),
    ('Archive contacts tagged "x" even if they replied, unless owned by Kim Lee.', KEPT),
    # of two dates, the one that covers less
    ("Archive contacts created before 03/04/2025.", "Archive contacts created before 2025-03-04."),
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
    # what follows a phrase that adds nothing is not cut with it
    ('Archive contacts tagged "x" even when in Germany unless owned by Kim Lee.', ""),
    ('Archive contacts tagged "x" no matter who owns them but Kim.', ""),
    ('Email contacts tagged "x" whether or not they replied and notify me first.', ""),
    ('Email contacts tagged "x" even if unsubscribed but draft only.', ""),
    ('Email contacts tagged "x" even when in Germany and only on weekdays Europe/Berlin.', ""),
    ('Email contacts tagged "x" no matter if they are in Germany but at most 5 per day.', ""),
    # an alternative is denied as well, where the first is
    ("Archive contacts that have never replied or bounced.", ""),
    ("Archive contacts without a reply or bounce.", ""),
    # no tag stands for a clause, or narrows an exception
    ("If a contact has no owner and loves Brazil, archive it.", ""),
    ('Archive contacts tagged "x". Customers in Germany need my approval, and so do contacts in France.', ""),
    ("Archive deals in negotiation. Deals over $10k wait for my OK, all other deals may be deleted.", ""),
    ('Update contacts tagged "x" except the job title and contacts in Germany.', ""),
    ("Deals over $10k in Germany need my approval, smaller ones may be archived.", ""),
    ('Archive deals over $10k whatever the stage is except "Won".', ""),
    ("Email contacts in Germany with a polite tone.", ""),
    ("Archive contacts in Germany, probably.", ""),
    # caps, modes and times
    ('Email contacts tagged "x" every other Monday Europe/Berlin.', ""),
    ('Email contacts tagged "x", at most 5 per company.', ""),
    ('Email contacts tagged "x", at most 5 every 2 days.', ""),
    ('Enrich contacts tagged "x", at most 100 overall.', ""),
    ('Enrich contacts tagged "x" with a budget of 20 credits.', ""),
    ('Archive contacts tagged "x". Notify me first and wait for my ok.', ""),
    ('Archive contacts tagged "x". Ask me first.', ""),
    ('Email contacts tagged "x". No follow-ups on weekends Europe/Berlin.', ""),
    ("Archive deals that have not closed within 30 days.", ""),
    ("Archive contacts that unsubscribed more than 30 days ago.", ""),
    ("Archive contacts with at least 2 bounced emails in the last 30 days.", ""),
    ("Archive contacts in the morning, Berlin time.", ""),
    ("Archive contacts in Germany one by one.", ""),
    ("Archive deals worth $10k.", ""),
    ("Archive deals between $1 and 5 million.", ""),
    ("Enrich contacts with a score above 80 and below 20.", ""),
    ('Email contacts tagged "lead" from anna@ourco.com.', ""),
    ("Create tasks for deals that have never been in Negotiation.", ""),
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
        ("Run enrichment on companies that feel right.", "Enrich companies "),
        ("Send DMs to whoever is around.", "Send direct messages "),
    ],
)
def test_an_example_has_the_same_operation_and_records(sentence: str, opening: str) -> None:
    for problem in compile_sentence(sentence).problems:
        assert problem.suggestion.startswith(opening), problem


@pytest.mark.parametrize(
    "sentence",
    [
        'Email contacts tagged "x" never after 18:00 or before 8:00 Europe/Berlin.',
        'Email contacts tagged "x" never on weekends or Mondays Europe/Berlin.',
        'Email contacts tagged "x" not between 22:00 and 6:00 or on weekends Europe/Berlin.',
        'Email contacts tagged "x" except customers or on weekends Europe/Berlin.',
    ],
)
def test_no_suggestion_turns_a_window_around(sentence: str) -> None:
    compiled = compile_sentence(sentence)
    for problem in compiled.problems:
        assert not problem.suggestion or "for example" in problem.message or "two ways" in problem.message, problem


def test_neither_of_two_readings_is_suggested_where_neither_covers_less() -> None:
    (problem,) = compile_sentence("Archive deals that aren't over $5k but under $20k.").problems
    assert "(1)" in problem.message
    assert "(2)" in problem.message
    assert problem.suggestion == ""


@pytest.mark.parametrize(
    ("sentence", "suggested"),
    [
        ('Enrich contacts tagged "x", 500 contacts max.', 'Enrich contacts tagged "x", at most 500 per day.'),
        (
            'Enrich contacts tagged "x" during business hours.',
            'Enrich contacts tagged "x" on weekdays between 9:00 and 17:00 Europe/Berlin.',
        ),
    ],
)
def test_what_is_guessed_in_a_suggestion_is_said_to_be_an_example(sentence: str, suggested: str) -> None:
    (problem,) = compile_sentence(sentence).problems
    assert problem.suggestion == suggested
    assert "only an example" in problem.message


def test_the_time_of_a_bounce_is_said_not_to_be_recorded() -> None:
    for sentence in (
        "Archive contacts with at least 2 bounced emails in the last 30 days.",
        "Archive contacts with 2 bounced emails in the last 30 days.",
    ):
        assert all("not recorded" in one.message for one in compile_sentence(sentence).problems)
