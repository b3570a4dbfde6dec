"""An example of the same operation on the same kind of record, offered where a sentence was refused and nothing near it
compiles."""

from __future__ import annotations

import re

# words that name an operation -> a rule of that kind for each kind of record; the operation that is named first counts
_ACTS: tuple[tuple[str, dict[str, str]], ...] = (
    (
        r"(?:run|do|trigger|perform|start) (?:an? )?enrichments?|enrich\w*|fill(?:ing)? (?:in|out|up)|look up",
        {
            "contact": 'Enrich contacts tagged "inbound" that have no job title.',
            "company": "Enrich companies with more than 50 employees.",
        },
    ),
    (
        r"archiv\w*|clean up|put away",
        {
            "contact": "Archive contacts with no activity in 90 days.",
            "deal": "Archive deals that were lost more than 90 days ago.",
            "company": "Archive companies with no activity in 90 days.",
        },
    ),
    (
        r"delet\w*|eras\w*|purge",
        {
            "contact": 'Delete contacts tagged "test". Notify me first.',
            "deal": 'Delete deals tagged "test". Notify me first.',
            "company": 'Delete companies tagged "test". Notify me first.',
        },
    ),
    (
        r"draft\w*|prepare|compose|write",
        {
            "contact": 'Draft follow-ups for contacts tagged "trial".',
            "deal": "Draft follow-ups for deals silent for more than 14 days.",
            "company": 'Draft follow-ups for companies tagged "trial".',
        },
    ),
    (
        r"(?:un)?enroll?\w*|sequences?|cadence",
        {"contact": 'Enrol contacts tagged "webinar" in the sequence "Webinar follow-up".'},
    ),
    (r"dms?|direct messages?|private messages?", {"contact": "Send direct messages to maria@acme.com."}),
    (
        r"post(?:ing|ed)?|slack|channel|ping|announce|alert",
        {
            "contact": 'Post to the Slack channel "sales" for contacts tagged "demo request".',
            "deal": 'Post to the Slack channel "deals" when a deal over $50,000 is won.',
            "company": 'Post to the Slack channel "sales" for companies tagged "key account".',
        },
    ),
    (
        r"cancel\w*|call off",
        {
            "contact": "Cancel meetings with contacts who unsubscribed. Notify me first.",
            "deal": "Cancel meetings for deals that were lost. Notify me first.",
        },
    ),
    (
        r"schedul\w*|book\w*|arrang\w*|meetings?|calls?\b|invit\w*|calendar|attendees?|events?",
        {
            "contact": 'Schedule 30-minute meetings with contacts tagged "demo".',
            "deal": "Schedule 30-minute meetings for deals in negotiation.",
            "company": 'Schedule 30-minute meetings for companies tagged "demo".',
        },
    ),
    (
        r"tasks?|to-?dos?",
        {
            "contact": "Create tasks for contacts with no activity in 14 days.",
            "deal": "Create tasks for deals with no activity in 14 days.",
            "company": "Create tasks for companies with no activity in 14 days.",
        },
    ),
    (
        r"notes?\b|log(?:ging|ged)?",
        {
            "contact": "Add notes to contacts that replied in the last 24 hours.",
            "deal": "Add notes to deals that entered negotiation in the last 24 hours.",
            "company": "Add notes to companies with more than 200 employees.",
        },
    ),
    (
        r"assign\w*|reassign\w*|hand over|rout(?:e|ing)|give .*? to|owner of",
        {
            "contact": 'Assign contacts without an owner to "Maria Lopez".',
            "deal": 'Assign deals without an owner to "Maria Lopez".',
            "company": 'Assign companies without an owner to "Maria Lopez".',
        },
    ),
    (
        r"mov(?:e|ed|ing)|stage of|advanc\w*|push|progress|clos(?:e|ing)(?! date)|closed as|mark\w*|won|lost",
        {"deal": 'Move deals with no activity in 60 days to "Closed lost". Notify me first.'},
    ),
    (
        r"(?<!with )(?<!the )(?<!a )(?<!no )(?:un)?tag(?!ged)\w*|label\w*|flag\w*",
        {
            "contact": 'Tag contacts in Germany with "DACH".',
            "deal": 'Tag deals over $50,000 with "large".',
            "company": 'Tag companies in Germany with "DACH".',
        },
    ),
    (r"lists?\b", {"contact": 'Add contacts tagged "newsletter" to the list "Monthly update".'}),
    (
        r"updat\w*|chang\w*|set\b|fix\w*|edit\w*|correct",
        {
            "contact": 'Update the job title of contacts tagged "inbound".',
            "deal": "Update the close date of open deals whose close date has passed.",
            "company": "Update the industry of companies without an industry.",
        },
    ),
    (
        r"sen[dt]\w*|e-?mail\w*|mails?|messag\w*|follow\w*|repl(?:y|ies|ying)|remind\w*|contact them|text|sms|reach",
        {
            "contact": 'Send follow-ups to contacts tagged "trial", at most 20 per day.',
            "deal": "Send follow-ups to deals silent for more than 14 days, at most 20 per day.",
            "company": 'Send follow-ups to companies tagged "trial", at most 20 per day.',
        },
    ),
)
_RECORDS = {
    "deal": r"deals?|opportunit(?:y|ies)",
    "company": r"compan(?:y|ies)|accounts?|organi[sz]ations?",
    "contact": r"contacts?|people|persons?|leads?|customers?|prospects?|everyone|anyone|subscribers?|them",
}
ANY = 'Archive contacts tagged "old".'
# where no operation is named
_OTHERS = {
    "deal": 'Update the close date of deals tagged "upsell".',
    "company": "Archive companies with no activity in 90 days.",
}
OFFERS: tuple[tuple[str, str], ...] = tuple(
    (words, rule) for words, rules in (*_ACTS, ("", _OTHERS)) for rule in rules.values()
)


_FORBIDDEN = re.compile(r"(?:\b(?:never|not|no|cannot|nobody|circumstances)\b|n't\b)(?:\W+\w+){0,3}\W*$")
_MEETINGS = next(rules for words, rules in _ACTS if words.startswith("schedul"))


def offer(sentence: str) -> str:
    """A rule with the operation that the sentence names first, on the kind of record that it names first."""
    text = re.sub(r"\"[^\"]*\"", lambda quoted: " " * len(quoted.group()), sentence.lower())
    text = text.replace("auto-", "     ")
    found = [
        (match.start(), rules)
        for words, rules in _ACTS
        if (match := re.search(rf"\b(?:{words})\b", text)) and not _FORBIDDEN.search(text[: match.start()])
    ]
    if re.search(r"\b(?:cancel\w*|call off)\b", text):  # "meetings may be cancelled": the verb, not what it is done to
        found = [one for one in found if one[1] is not _MEETINGS]
    records = sorted(
        (match.start(), kind) for kind, words in _RECORDS.items() if (match := re.search(rf"\b(?:{words})\b", text))
    )
    if not found:
        return next((rule for kind, rule in _OTHERS.items() if records and records[0][1] == kind), ANY)
    rules = min(found, key=lambda one: one[0])[1]
    if "sen" in text and re.search(r"\b(?:dms?|direct messages?)\b", text):
        rules = next(rules for words, rules in _ACTS if words.startswith("dms?"))
    return next((rules[kind] for _, kind in records if kind in rules), next(iter(rules.values())))
