"""Ordinary words of which one reading covers what the other holds: refused, with a phrasing for the sound one."""

from __future__ import annotations

import pytest

from coco.guardrails.english.compiler import compile_sentence

# sentence that is refused; the same said so that it is accepted
DOUBTS = [
    (  # the "not" may reach both
        "Draft follow-ups for contacts who have not replied or been contacted in the last 7 days.",
        "Draft follow-ups for contacts who have neither replied nor been contacted in the last 7 days.",
    ),
    (
        "Create tasks for deals that are not won or over $50k.",
        "Create tasks for deals that are not won or that are over $50k.",
    ),
    (
        'Move deals in Proposal to "Closed Lost" unless they have not replied or been contacted in the last 30 days.',
        'Move deals to "Lost" except those that have neither replied nor been contacted in the last 30 days.',
    ),
    (
        "Draft follow-ups for contacts who didn't reply or get contacted in the last 7 days.",
        "Draft follow-ups for contacts who haven't replied and haven't been contacted in the last 7 days.",
    ),
    (
        "Archive contacts that are not in Germany, unsubscribed and unowned.",
        "Archive contacts that are not in Germany, are unsubscribed and are unowned.",
    ),
    # a number that says not of what
    (
        "Archive deals silent for over 60 days, except those over 180.",
        "Archive deals silent for over 60 days, except those over $180.",
    ),
    (
        "Archive deals silent for 30 days. No more than 20.",
        "Archive deals silent for 30 days. No more than 20 a day.",
    ),
    ("Update deals over 10,000.", "Update deals worth over 10,000."),
    (
        "Draft follow-ups for deals silent for more than 14 days, max 5.",
        "Draft follow-ups for deals silent for more than 14 days, max 5 a day.",
    ),
    ("Archive contacts with a score under 10, up to 5.", "Archive contacts with a score under 10, up to 5 a day."),
    # what is spent on one action, or on all of them
    (
        "Enrich contacts in the UK using at most 50 credits.",
        "Enrich contacts in the UK using at most 50 credits a week.",
    ),
    (
        "Enrich contacts in Germany. Spend no more than 50 credits.",
        "Enrich contacts in Germany. Spend no more than 50 credits a day.",
    ),
    (
        "Enrich companies in the UK. It may cost up to 30 credits.",
        "Enrich companies in the UK if it costs at most 30 credits.",
    ),
    (
        "Enrich contacts in the UK, max 2 credits each, 50 per day.",
        "Enrich contacts in the UK, max 2 credits each, 50 credits per day.",
    ),
    # only the last time is recorded
    ("Archive contacts never contacted before 2026.", "Archive contacts last contacted before 2026."),
    ("Archive contacts not contacted in 2025.", "Archive contacts not contacted since 2025."),
    ("Archive contacts unless they replied in 2025.", "Archive contacts unless they replied since 2025."),
    (
        "Archive contacts unless they were updated in March 2026.",
        "Archive contacts unless they were last updated in March 2026.",
    ),
    (
        "Archive contacts unless contacted more than 90 days ago.",
        "Archive contacts unless last contacted more than 90 days ago.",
    ),
    (
        "Archive contacts that were not contacted before this month.",
        "Archive contacts that were not contacted this month.",
    ),
    # within a day of being written to, or of now
    (
        "Archive contacts that did not reply within 24 hours.",
        "Archive contacts that did not reply in the last 24 hours.",
    ),
    ("Enrich new contacts not contacted within 24 hours.", "Enrich contacts not contacted in the last 24 hours."),
    # who answers whom
    (
        "Draft replies to contacts we haven't answered for 2 days.",
        "Draft replies to contacts we haven't contacted for 2 days.",
    ),
    (
        "Draft replies to contacts who have not been answered for 3 days.",
        "Draft replies to contacts who have not replied for 3 days.",
    ),
    (
        "Draft replies to contacts nobody has answered in 3 days.",
        "Draft replies to contacts nobody has contacted in 3 days.",
    ),
    ("Archive contacts answered in the last 7 days.", "Archive contacts that answered in the last 7 days."),
    ("Archive deals not answered in 7 days.", "Archive deals that have not answered in 7 days."),
    # an owner, or a company
    ("Archive contacts that belong to Acme.", "Archive contacts owned by Acme."),
    ("Archive contacts belonging to Acme.", "Archive contacts who work at Acme."),
    ('Archive companies that don\'t belong to "Acme".', 'Archive companies not owned by "Acme".'),
    # what people did
    ("Send follow-ups to opted-in contacts.", "Send follow-ups to contacts that have not unsubscribed."),
    # those without both, or without one of them
    (
        "Archive contacts except those with no phone or email.",
        "Archive contacts except those with neither a phone nor an email.",
    ),
    (
        "Archive contacts unless they replied in the last 7 days or were contacted before 2025.",
        "Archive contacts unless they replied in the last 7 days or were last contacted before 2025.",
    ),
    (
        'Archive contacts unless they are not tagged "b" or "c".',
        'Archive contacts unless they are tagged neither "b" nor "c".',
    ),
    # to a moment that is meant, or until then
    ("Cancel meetings that start in 24 hours.", "Cancel meetings that start in the next 24 hours."),
    ("Create tasks due in 3 days for deals in Proposal.", "Create tasks due within 3 days for deals in Proposal."),
    ("Archive deals closing in 10 days.", "Archive deals closing in less than 10 days."),
    # whose it is, and since when
    (
        "Archive contacts at companies with no activity in 90 days.",
        "Archive contacts if the company last had activity more than 90 days ago.",
    ),
    ("Archive lost deals older than 18 months.", "Archive deals lost more than 18 months ago."),
    ("Archive deals in Closed Lost older than a year.", "Archive deals in Closed Lost created more than a year ago."),
    (
        "Archive contacts when the lifecycle stage becomes customer.",
        "Archive contacts whose lifecycle stage is customer.",
    ),
    (
        'Enrich contacts tagged "a" on weekdays, 9:00-17:00 Europe/Berlin, except Fridays after 15:00.',
        'Enrich contacts tagged "a" on weekdays, 9:00-17:00 Europe/Berlin, except Fridays.',
    ),
]


@pytest.mark.parametrize(("doubtful", "sound"), DOUBTS)
def test_the_doubtful_is_refused_and_the_sound_accepted(doubtful: str, sound: str) -> None:
    refused = compile_sentence(doubtful, suggesting=False)
    assert not refused.ok, refused.reading
    accepted = compile_sentence(sound, suggesting=False)
    assert accepted.ok, [problem.message for problem in accepted.problems]


def test_by_a_year_is_before_it_begins() -> None:
    compiled = compile_sentence("Archive contacts created by 2025.")
    assert "created before 2025-01-01" in compiled.reading
    assert any("narrower" in note for note in compiled.notes)
    assert not compile_sentence("Archive contacts except those created by 2025.").ok
