"""Facts of events: when they start, how long they last, who is invited.

Rules speak of "the calendar", which is the account's own (`primary`): an event on another one has no name, and waits
for a person. So does the change of a whole series, which is many events at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from activities.connectors.action_facts import ActionFacts, Facts, Proposed
from activities.connectors.google_calendar.records import existing_event
from activities.connectors.google_calendar.wire import event_request
from activities.connectors.http import as_object, object_of
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

OWN = "primary"
_NAMES = {"events.create": "event.create", "events.update": "event.update", "events.cancel": "event.cancel"}
_STARTS, _LASTS, _ATTENDEES = "action.starts_at", "action.duration_minutes", "action.attendees"
_READ = frozenset({_STARTS, _LASTS, _ATTENDEES, "action.attendee_domains", "action.attendee_count"})


class CalendarFacts(ActionFacts):
    """A new event is all in its arguments. What a change leaves as it is, and what is cancelled, is read."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        name = _NAMES.get(action.operation)
        if name is None or action.arguments["calendar"] != OWN or _is_a_series(action):
            return ()
        found: Facts = {"action.operation": name}
        if action.operation != "events.cancel":
            found |= _times(action.arguments["start"], action.arguments["end"])
        if action.operation == "events.create":
            found[_ATTENDEES] = list(action.arguments["attendees"])
        return (found,)

    def people(self, action: Proposed) -> tuple[str, ...]:
        return tuple(action.arguments["attendees"]) if action.operation == "events.create" else ()

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        given = {name for facts in self.proposed(action) for name in facts}
        return (_event(action),) if action.operation != "events.create" and (_READ & set(needed)) - given else ()

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        """Of the event as it is on the calendar; what the arguments say of it goes before."""
        if action.operation == "events.create" or (answer := answers.get(_event(action))) is None:
            return {}
        event = existing_event(answer, action.arguments["id"])
        if event is None or event["repeats"]:
            return {}
        invited = _invited(object_of(answer, "an event"))
        return _times(event["start"], event["end"]) | ({} if invited is None else {_ATTENDEES: invited})


def _event(action: Proposed) -> PreparedRequest:
    return event_request(action.arguments["calendar"], action.arguments["id"])


def _is_a_series(action: Proposed) -> bool:
    if action.operation == "events.create":
        return False
    return action.prior is None or action.prior.get("repeats") is not False


def _times(start: str | None, end: str | None) -> Facts:
    """Start and length. A whole day is no moment: where it begins depends on a time zone that is not told."""
    if start is None or end is None or (len(start) == 10) != (len(end) == 10):
        return {}
    try:
        if len(start) == 10:
            return {_LASTS: (date.fromisoformat(end) - date.fromisoformat(start)).days * 1440}
        lasts = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60
    except (TypeError, ValueError):
        return {}
    return {_STARTS: start, _LASTS: lasts}


def _invited(event: Mapping[str, Any]) -> list[str] | None:
    """The address of every guest but the organizer; None where the answer does not have them all."""
    guests = event.get("attendees", [])
    if event.get("attendeesOmitted") or not isinstance(guests, list):
        return None
    found = []
    for guest in guests:
        told = as_object(guest, "a guest")
        if told.get("organizer") is True:
            continue
        if not isinstance(told.get("email"), str):
            raise InvalidInput("Google answered a guest without an address")
        found.append(told["email"])
    return found
