"""The canonical English reading, made from the form alone. It compiles back to the same form.

What the owner confirms is this text, so it spells out every default: the mode, the wait, what a limit counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from .catalogue import RECORD_ENTITIES, RECORD_SYSTEMS, Catalogue, FactType, plural
from .countries import DISPLAY
from .form import (
    DAY_NAMES,
    Age,
    Ahead,
    And,
    AtLeast,
    Calendar,
    Clock,
    Count,
    Covered,
    Empty,
    Form,
    Has,
    Is,
    Moment,
    Not,
    Number,
    Only,
    Or,
    Order,
    Predicate,
    Share,
    Truth,
    Weekly,
)

Spelling = Mapping[str, str]
NONE: Spelling = MappingProxyType({})
_ORDER: dict[Order, str] = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least", "==": "exactly"}
_BEFORE: dict[Order, str] = {"<": "before", "<=": "at or before", ">": "after", ">=": "at or after", "==": "on"}

_CONNECTOR = {
    "hubspot": "HubSpot", "google_calendar": "Google Calendar", "zoominfo": "ZoomInfo", "smtp": "SMTP",
}  # fmt: skip


def quote(text: str) -> str:
    """A name in quotation marks that the lexer reads back."""
    return f'"{text}"' if '"' not in text else f"«{text}»"


def _listed(values: list[str], word: str) -> str:
    return values[0] if len(values) == 1 else ", ".join(values[:-1]) + f" {word} " + values[-1]


def _values(fact: str, values: tuple[str, ...], catalogue: Catalogue, spell: Spelling, word: str) -> str:
    if catalogue.fact(fact).type is FactType.COUNTRY:
        values = tuple(DISPLAY.get(value, value) for value in values)
    return _listed([quote(spell.get(value, value)) for value in values], word)


def duration_text(seconds: int) -> str:
    """Whole days (from two on), hours, minutes: "14 days", "24 hours"."""
    for size, unit in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0 and seconds and not (unit == "day" and seconds == size):
            count = seconds // size
            return f"{count} {unit}" + ("" if count == 1 else "s")
    return f"{seconds / 60:g} minutes"


def _subject(fact: str) -> str:
    entity = fact.partition(".")[0]
    return f"the {entity}"


def _noun(fact: str, catalogue: Catalogue) -> str:
    declared = catalogue.fact(fact)
    noun = declared.nouns[0] if declared.nouns else declared.field.replace("_", " ")
    return f"the {declared.entity}'s {noun}"


def _verb(fact: str, catalogue: Catalogue) -> str:
    return "are" if catalogue.fact(fact).type.is_list else "is"


def number_text(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else repr(value)


# lists of people, as one of them is said
_PEOPLE = {
    "action.attendee_domains": "attendee is at",
    "action.attendees": "attendee is",
    "action.recipient_domains": "recipient is at",
    "action.recipients": "recipient is",
}


def clause_text(predicate: Predicate, catalogue: Catalogue, spell: Spelling = NONE) -> str:
    """One condition as a clause: "the deal's stage is "qualified""."""
    match predicate:
        case Is(fact=fact, values=values):
            return f"{_noun(fact, catalogue)} is {_values(fact, values, catalogue, spell, 'or')}"
        case Not(item=Is(fact=fact, values=values)):
            return f"{_noun(fact, catalogue)} is not {_values(fact, values, catalogue, spell, 'or')}"
        case Only(fact="action.fields", values=values):
            return f"the action changes only {_fields(values, catalogue, spell, 'and')}"
        case Has(fact="action.fields", values=values, least=1):
            return f"the action changes {_fields(values, catalogue, spell, 'or')}"
        case Not(item=Has(fact="action.fields", values=values, least=1)):
            return f"the action does not change {_fields(values, catalogue, spell, 'or')}"
        case Not(item=Has(fact=fact, values=values, least=1)) if fact in _PEOPLE:
            return f"no {_PEOPLE[fact]} {_values(fact, values, catalogue, spell, 'or')}"
        case Has(fact=fact, values=values, least=1) if fact in _PEOPLE:
            return f"at least one {_PEOPLE[fact]} {_values(fact, values, catalogue, spell, 'or')}"
        case Has(fact=fact, values=values, least=least):
            return _has_text(fact, values, least, catalogue, spell)
        case Not(item=Has(fact=fact, values=values, least=1)) if fact.endswith(".tags"):
            return f"{_subject(fact)} is not tagged {_values(fact, values, catalogue, spell, 'or')}"
        case Only(fact=fact, values=values):
            people = "attendee" if "attendee" in fact else "recipient"
            at = "at " if fact.endswith("domains") else ""
            return f"every {people} is {at}{_values(fact, values, catalogue, spell, 'or')}"
        case Number():
            return _number_text(predicate, catalogue)
        case Age(fact=fact, order=order, seconds=seconds):
            if catalogue.fact(fact).past:
                return f"{_subject(fact)} {catalogue.fact(fact).happened} {_ORDER[order]} {duration_text(seconds)} ago"
            if order in {"<", "<="}:  # what lies ahead is included
                after: Order = ">=" if order == "<" else ">"
                return f"it is not true that ({_passed(fact, after, seconds, catalogue)})"
            return _passed(fact, order, seconds, catalogue)
        case Ahead(fact=fact, order=order, seconds=seconds):
            return f"{_noun(fact, catalogue)} is {_ORDER[order]} {duration_text(seconds)} from now"
        case Moment(fact=fact, order=order, at=at):
            when = f"{_BEFORE[order]} {at.strftime('%Y-%m-%d %H:%M')} UTC"
            declared = catalogue.fact(fact)
            if fact == "now":
                return f"now is {when}"
            return (
                f"{_subject(fact)} {declared.happened} {when}"
                if declared.past
                else f"{_noun(fact, catalogue)} is {when}"
            )
        case Calendar(fact=fact):
            declared = catalogue.fact(fact)
            who = f"{_subject(fact)} {declared.happened}" if declared.past else f"{_noun(fact, catalogue)} is"
            return f"{who} {calendar_text(predicate)}"
        case Clock(fact=fact):
            return f"{_noun(fact, catalogue)} falls {weekly_text(predicate)}"
        case Truth(fact=fact):
            return f"{_truth_subject(fact)} is {fact.partition('.')[2]}"
        case Not(item=Truth(fact=fact)):
            return f"{_truth_subject(fact)} is not {fact.partition('.')[2]}"
        case Empty(fact=fact):
            return f"{_noun(fact, catalogue)} {_verb(fact, catalogue)} empty"
        case Not(item=Empty(fact=fact)):
            return f"{_noun(fact, catalogue)} {_verb(fact, catalogue)} not empty"
        case Count(order="==", number=0):
            return "no email has bounced"
        case Count(order=order, number=number):
            return f"{_ORDER[order]} {number} {'email has' if number == 1 else 'emails have'} bounced"
        case Share(order=">=", per_myriad=10_000):
            return "every email has bounced"
        case Share(order=order, per_myriad=share):
            return f"{_ORDER[order]} {share / 100:g}% of emails have bounced"
        case And(items=()):
            return "anything"
        case And(items=items):
            return "(" + " and ".join(_all_texts(items, catalogue, spell)) + ")"
        case Or(items=items):
            return "(" + " or ".join(clause_text(item, catalogue, spell) for item in items) + ")"
        case AtLeast(least=least, items=items):
            listed = ", ".join(_parenthesised(clause_text(item, catalogue, spell)) for item in items)
            return f"at least {least} of these are true: {listed}"
        case Not(item=item):
            return f"it is not true that {_parenthesised(clause_text(item, catalogue, spell))}"
    raise TypeError(f"not a predicate: {predicate!r}")


def _passed(fact: str, order: Order, seconds: int, catalogue: Catalogue) -> str:
    """How long ago a date lies that may also lie ahead."""
    if seconds == 0 and order == ">":
        return f"{_noun(fact, catalogue)} has passed"
    return f"{_noun(fact, catalogue)} was {_ORDER[order]} {duration_text(seconds)} ago"


def _all_texts(items: Sequence[Predicate], catalogue: Catalogue, spell: Spelling) -> list[str]:
    """What must all be true, each as a clause. A date that has passed is then some time "ago"."""
    passed = {item.fact for item in items if isinstance(item, Age) and item.order == ">" and not item.seconds}
    return [
        _passed(item.fact, item.order, item.seconds, catalogue)
        if isinstance(item, Age) and item.order in {"<", "<="} and item.seconds and item.fact in passed
        else clause_text(item, catalogue, spell)
        for item in items
    ]


def _fields(values: tuple[str, ...], catalogue: Catalogue, spell: Spelling, word: str) -> str:
    """Fields by their nouns: "job title" for jobtitle."""
    shown = []
    for value in values:
        fact = next((f for f in catalogue.facts.values() if f.field == value and f.entity in RECORD_ENTITIES), None)
        shown.append(quote(fact.nouns[0] if fact is not None and fact.nouns else spell.get(value, value)))
    return _listed(shown, word)


def _parenthesised(text: str) -> str:
    return text if text.startswith("(") and text.endswith(")") and _balanced(text[1:-1]) else f"({text})"


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth < 0:
            return False
    return depth == 0


def _truth_subject(fact: str) -> str:
    return _subject(fact)


def _has_text(fact: str, values: tuple[str, ...], least: int, catalogue: Catalogue, spell: Spelling = NONE) -> str:
    if not fact.endswith(".tags"):
        return f"{_noun(fact, catalogue)} include {_values(fact, values, catalogue, spell, 'or')}"
    if least == 1:
        return f"{_subject(fact)} is tagged {_values(fact, values, catalogue, spell, 'or')}"
    if least == len(values):
        every = "both" if least == 2 else "all of"
        return f"{_subject(fact)} is tagged {every} {_values(fact, values, catalogue, spell, 'and')}"
    return f"{_subject(fact)} has at least {least} of the tags {_values(fact, values, catalogue, spell, 'or')}"


def _number_text(number: Number, catalogue: Catalogue) -> str:
    fact = catalogue.fact(number.fact)
    value = number_text(number.value)
    if fact.type is FactType.FRACTION:
        value = f"{number.value * 100:.10g}%"
    if number.currency is not None:
        value = f"{value} {number.currency}"
    return f"{_noun(number.fact, catalogue)} is {_ORDER[number.order]} {value}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def weekly_text(weekly: Weekly | Clock) -> str:
    """ "on Monday and Tuesday between 09:00 and 17:00 Europe/Berlin" """
    if weekly.days == (0, 1, 2, 3, 4):
        days = "weekdays"
    elif weekly.days == (5, 6):
        days = "weekends"
    else:
        days = _listed([DAY_NAMES[day] for day in weekly.days], "and")
    if weekly.start >= weekly.end and len(weekly.days) < 7:  # all hours of these days but some
        return f"on {days} except between {_clock(weekly.end)} and {_clock(weekly.start)} {weekly.zone}"
    hours = (
        "" if (weekly.start, weekly.end) == (0, 1440) else f" between {_clock(weekly.start)} and {_clock(weekly.end)}"
    )
    return f"{hours.strip()} {weekly.zone}" if len(weekly.days) == 7 and hours else f"on {days}{hours} {weekly.zone}"


_DAY = {-1: "yesterday", 0: "today", 1: "tomorrow"}


def calendar_text(calendar: Calendar) -> str:
    """ "this month UTC", "since yesterday Europe/Berlin": what the grammar reads back."""

    def named(offset: int) -> str:
        if calendar.unit == "day":
            return _DAY[offset]
        return f"{ {-1: 'last', 0: 'this', 1: 'next'}[offset] } {calendar.unit}"

    first, last = calendar.first, calendar.last
    if first is not None and first == last:
        return f"{named(first)} {calendar.zone}"
    if last == 1:
        return f"before the end of {named(1)} {calendar.zone}"
    side, offset = ("since", first) if first is not None else ("before", (last or 0) + 1)
    start = "the start of " if offset < 0 and calendar.unit != "day" else ""
    return f"{side} {start}{named(offset)} {calendar.zone}"


def _operation_text(covered: Covered, spell: Spelling, catalogue: Catalogue, target: str) -> str:
    """The operation up to where its records follow; "Send any messages" where the rule names none."""
    verb = covered.operation.split(".")[1]
    arguments = {fact: spell.get(value, value) for fact, value in covered.arguments}
    if verb == "add_tag":
        return f"Add the tag {quote(arguments['action.tag'])} to"
    if verb == "remove_tag":
        return f"Remove the tag {quote(arguments['action.tag'])} from"
    if verb == "move_stage":
        return f"Move to {quote(arguments['action.stage'])}"
    if verb in _AFTER:
        return _AFTER[verb][0]
    said = catalogue.operations[covered.operation].said or verb.replace("_", " ").capitalize()
    if "{}" in said:
        argument = next(iter(arguments.values()))
        said = said.format(argument if covered.operation == "webhook.send" else quote(argument))
    if target == "action":
        first, _, rest = said.partition(" ")
        for preposition in (" for", " to", " on", " with"):
            rest = rest.removesuffix(preposition)
        said = f"{first} any {rest}"
    return said


# what stands after the records: the argument's fact and the words around it
_AFTER = {
    "assign": ("Assign", "action.owner", "to {}"),
    "add_to_list": ("Add", "action.list", "to the list {}"),
    "remove_from_list": ("Remove", "action.list", "from the list {}"),
    "remove_from_sequence": ("Remove", "action.sequence", "from the sequence {}"),
    "add_to_sequence": ("Enrol", "action.sequence", "in the sequence {}"),
}


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def reading(form: Form, catalogue: Catalogue) -> str:
    """The whole rule in canonical English, one sentence for each part."""
    spell = dict(form.spellings)
    operations = [_operation_text(covered, spell, catalogue, form.target) for covered in form.operations]
    verbs = _listed([operations[0], *map(_decapitalised, operations[1:])], "and")
    connector = _CONNECTOR.get(form.connector or "", (form.connector or "").capitalize())
    to = ""
    for covered in form.operations:
        after = _AFTER.get(covered.operation.split(".")[1])
        if after is not None:
            value = dict(covered.arguments)[after[1]]
            to = " " + after[2].format(quote(spell.get(value, value)))
    via = f" via {connector}" if connector and (form.target == "action" or form.connector not in RECORD_SYSTEMS) else ""
    if form.target == "action":
        parts = [f"{verbs}{via}"]
    else:
        records = f"{connector} {plural(form.target)}" if connector and not via else plural(form.target)
        parts = [f"{verbs} all {records}{to}{via}"]
    items = form.predicate.items if isinstance(form.predicate, And) else (form.predicate,)
    if items:
        parts[0] += " where " + " and ".join(_all_texts(items, catalogue, spell))
    if form.window.within is not None:
        within = form.window.within
        happened = catalogue.fact(within.fact).happened
        parts.append(f"Only within {duration_text(within.seconds)} after {_subject(within.fact)} {happened}")
    if form.window.weekly is not None:
        events = any(covered.operation in {"event.create", "event.update"} for covered in form.operations)
        parts.append(f"{'Run only' if events else 'Only'} {weekly_text(form.window.weekly)}")
    parts.extend(
        f"At most {number} {'action' if number == 1 else 'actions'} per {per}" for per, number in form.limits.actions
    )
    parts.extend(f"At most {number_text(budget)} credits per {per}" for per, budget in form.limits.credits)
    if form.limits.credits_per_action is not None:
        parts.append(f"At most {number_text(form.limits.credits_per_action)} credits per action")
    for name in form.excluded:
        if name == "email.send":
            parts.append("Never send anything")
        else:
            entity = name.split(".")[0]
            verb = catalogue.operations[name].said or name.split(".")[1].replace("_", " ")
            parts.append(f"Never {_decapitalised(verb)} {plural(entity)}")
    parts.append(_mode_text(form))
    return ". ".join(parts) + "."


def _mode_text(form: Form) -> str:
    match form.mode:
        case "draft_only":
            return "Queue drafts for review; don't send"
        case "notify_first":
            wait = duration_text(round((form.wait_hours or 0) * 3600))
            offline = "run even if I am offline" if form.run_when_offline else "do not run while I am offline"
            return f"Notify me first, wait {wait}, then run unless I stop it; {offline}"
        case "run":
            return "Run without asking"
