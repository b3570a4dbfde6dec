"""The canonical English reading, made from the form alone. It compiles back to the same form.

What the owner confirms is this text, so it spells out every default: the mode, the wait, what a limit counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .catalogue import Catalogue, FactType
from .countries import DISPLAY
from .form import (
    DAY_NAMES,
    Age,
    Ahead,
    And,
    AtLeast,
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
_OPERATION = {
    "enrich": "Enrich", "archive": "Archive", "delete": "Delete", "update": "Update", "email.draft": "Draft "
    "messages for",
    "email.send": "Send messages to", "task.create": "Create tasks for", "note.create": "Add notes to",
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


def clause_text(predicate: Predicate, catalogue: Catalogue, spell: Spelling = NONE) -> str:
    """One condition as a clause: "the deal's stage is "qualified""."""
    match predicate:
        case Is(fact=fact, values=values):
            return f"{_noun(fact, catalogue)} is {_values(fact, values, catalogue, spell, 'or')}"
        case Not(item=Is(fact=fact, values=values)):
            return f"{_noun(fact, catalogue)} is not {_values(fact, values, catalogue, spell, 'or')}"
        case Has(fact=fact, values=values, least=least):
            return _has_text(fact, values, least, catalogue, spell)
        case Not(item=Has(fact=fact, values=values, least=1)) if fact.endswith(".tags"):
            return f"{_subject(fact)} is not tagged {_values(fact, values, catalogue, spell, 'or')}"
        case Only(fact=fact, values=values):
            return f"every recipient is at {_values(fact, values, catalogue, spell, 'or')}"
        case Number():
            return _number_text(predicate, catalogue)
        case Age(fact=fact, order=order, seconds=seconds):
            if catalogue.fact(fact).past:
                return f"{_subject(fact)} {catalogue.fact(fact).happened} {_ORDER[order]} {duration_text(seconds)} ago"
            if seconds == 0:
                return f"{_noun(fact, catalogue)} {'has passed' if order == '>' else 'was at least 0 minutes ago'}"
            return f"{_noun(fact, catalogue)} was {_ORDER[order]} {duration_text(seconds)} ago"
        case Ahead(fact=fact, order=order, seconds=seconds):
            return f"{_noun(fact, catalogue)} is {_ORDER[order]} {duration_text(seconds)} from now"
        case Moment(fact=fact, order=order, at=at):
            when = f"{_BEFORE[order]} {at.strftime('%Y-%m-%d %H:%M')} UTC"
            declared = catalogue.fact(fact)
            return (
                f"{_subject(fact)} {declared.happened} {when}"
                if declared.past
                else f"{_noun(fact, catalogue)} is {when}"
            )
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
            return "(" + " and ".join(clause_text(item, catalogue, spell) for item in items) + ")"
        case Or(items=items):
            return "(" + " or ".join(clause_text(item, catalogue, spell) for item in items) + ")"
        case AtLeast(least=least, items=items):
            listed = ", ".join(_parenthesised(clause_text(item, catalogue, spell)) for item in items)
            return f"at least {least} of these are true: {listed}"
        case Not(item=item):
            return f"it is not true that {_parenthesised(clause_text(item, catalogue, spell))}"
    raise TypeError(f"not a predicate: {predicate!r}")


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


def weekly_text(weekly: Weekly) -> str:
    """ "on Monday and Tuesday between 09:00 and 17:00 Europe/Berlin" """
    if weekly.days == (0, 1, 2, 3, 4):
        days = "weekdays"
    elif weekly.days == (5, 6):
        days = "weekends"
    else:
        days = _listed([DAY_NAMES[day] for day in weekly.days], "and")
    hours = (
        "" if (weekly.start, weekly.end) == (0, 1440) else f" between {_clock(weekly.start)} and {_clock(weekly.end)}"
    )
    return f"{hours.strip()} {weekly.zone}" if len(weekly.days) == 7 and hours else f"on {days}{hours} {weekly.zone}"


def _operation_text(covered: Covered, spell: Spelling) -> str:
    verb = covered.operation.split(".")[1]
    arguments = {fact: spell.get(value, value) for fact, value in covered.arguments}
    if verb == "add_tag":
        return f"Add the tag {quote(arguments['action.tag'])} to"
    if verb == "remove_tag":
        return f"Remove the tag {quote(arguments['action.tag'])} from"
    if verb == "move_stage":
        return f"Move to {quote(arguments['action.stage'])}"
    if verb == "assign":
        return "Assign"
    return _OPERATION.get(covered.operation) or _OPERATION.get(verb) or verb.replace("_", " ").capitalize()


def _decapitalised(text: str) -> str:
    return text[:1].lower() + text[1:]


def reading(form: Form, catalogue: Catalogue) -> str:
    """The whole rule in canonical English, one sentence for each part."""
    spell = dict(form.spellings)
    operations = [_operation_text(covered, spell) for covered in form.operations]
    verbs = _listed([operations[0], *map(_decapitalised, operations[1:])], "and")
    plural = "companies" if form.target == "company" else f"{form.target}s"
    connector = {"hubspot": "HubSpot "}.get(
        form.connector or "", f"{(form.connector or '').capitalize()} " if form.connector else ""
    )
    target = f"{connector}{plural}"
    assigned = next(
        (dict(c.arguments).get("action.owner") for c in form.operations if c.operation.endswith(".assign")), None
    )
    to = f" to {quote(spell.get(assigned, assigned))}" if assigned else ""
    parts = [f"{verbs} all {target}{to}"]
    items = form.predicate.items if isinstance(form.predicate, And) else (form.predicate,)
    if items:
        parts[0] += " where " + " and ".join(clause_text(item, catalogue, spell) for item in items)
    if form.window.within is not None:
        within = form.window.within
        happened = catalogue.fact(within.fact).happened
        parts.append(f"Only within {duration_text(within.seconds)} after {_subject(within.fact)} {happened}")
    if form.window.weekly is not None:
        parts.append(f"Only {weekly_text(form.window.weekly)}")
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
            entity, verb = name.split(".")
            parts.append(
                f"Never {_decapitalised(_OPERATION.get(verb, verb))} "
                f"{'companies' if entity == 'company' else entity + 's'}"
            )
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
