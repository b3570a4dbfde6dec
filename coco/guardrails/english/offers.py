"""A rule of each kind, offered where a sentence was refused and no phrasing of its own was found that compiles."""

from __future__ import annotations

import re

# words that a sentence holds -> a rule of that kind; the first that fits
OFFERS: tuple[tuple[str, str], ...] = (
    ("slack channel post tell ping announce", 'Post to the Slack channel "deals" when a deal over $50,000 is won.'),
    (
        "meeting meetings call calls invite attendee attendees event events calendar schedule book",
        'Schedule 30-minute meetings with contacts tagged "demo", at most 3 per day.',
    ),
    ("sequence sequences cadence enrol enroll", 'Enrol contacts tagged "webinar" in the sequence "Webinar follow-up".'),
    ("draft drafts drafting", "Draft follow-ups for deals silent for more than 14 days."),
    (
        "email emails e-mail e-mails send mail message messages follow-up follow-ups reply remind sms text",
        'Send follow-ups to contacts tagged "newsletter", at most 20 per day.',
    ),
    ("task tasks", "Create tasks for deals that have had no activity in 14 days."),
    ("note notes", "Log notes on deals that entered negotiation in the last 24 hours."),
    ("assign reassign give owner route", 'Assign contacts without an owner to "Maria Lopez".'),
    ("move stage advance push", 'Move deals with no activity in 60 days to "Stalled". Notify me first.'),
    ("tag label mark flag", 'Tag contacts in Germany with "DACH".'),
    ("enrich fill find", 'Enrich contacts tagged "inbound" that have no job title.'),
    ("update change set fix edit", 'Update the job title of contacts tagged "inbound".'),
    ("delete erase", 'Delete contacts tagged "test". Notify me first.'),
    ("deal deals", "Archive deals that were lost more than 90 days ago."),
    ("company companies account accounts", "Archive companies with no activity in 90 days."),
)
ANY = 'Archive contacts tagged "old".'


def offer(sentence: str) -> str:
    """The rule of the kind that the sentence seems to be of."""
    words = set(re.findall(r"[a-z][a-z-]*", sentence.lower().replace("auto-", "")))
    return next((rule for about, rule in OFFERS if words & set(about.split())), ANY)
