"""The arguments of Google Calendar's operations: typed, bounded, and refused where the provider would guess."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.smtp.arguments import Address, one_line, text_lines
from activities.connectors.values import Key


def _when(value: str) -> str:
    """A day, or a moment with its offset. Raises ValueError."""
    try:
        if len(value) == 10:
            date.fromisoformat(value)
        elif datetime.fromisoformat(value).tzinfo is None:
            raise ValueError("no offset")
    except ValueError as error:
        raise ValueError("give a day (2026-03-01) or a moment with its offset (2026-03-01T09:00:00+01:00)") from error
    return value


CalendarId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+#@-]{0,254}$")]
"""`primary`, or the calendar's address."""
EventId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{5,200}$")]
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})"
Moment = Annotated[str, StringConstraints(pattern=rf"^{_MOMENT}$"), AfterValidator(_when)]
"""RFC 3339, with its offset."""
When = Annotated[
    str, StringConstraints(pattern=rf"^(?:[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|{_MOMENT})$"), AfterValidator(_when)
]
"""A whole day, or a moment. An event ends at its end, or on the day before its end's."""
Zone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,20}(?:/[A-Za-z0-9_+-]{1,30}){0,2}$")]
"""An IANA name, such as Europe/Paris. Google judges whether there is such a zone."""
Notify = Literal["all", "externalOnly", "none"]
"""Whom Google writes to about the change: every guest, only those without Google Calendar, or nobody."""
Title = Annotated[str, StringConstraints(min_length=1, max_length=250), AfterValidator(one_line)]
Place = Annotated[str, StringConstraints(min_length=1, max_length=250), AfterValidator(one_line)]
Description = Annotated[str, StringConstraints(min_length=1, max_length=8_000), AfterValidator(text_lines)]
NewLine = Annotated[str, StringConstraints(max_length=250), AfterValidator(one_line)]
"""Empty: none any more."""
NewText = Annotated[str, StringConstraints(max_length=8_000), AfterValidator(text_lines)]
SearchText = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(one_line)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=_.-]{0,1000}$")]


def in_order(start: str, end: str) -> None:
    """Raises ValueError where two times do not span an event."""
    if (len(start) == 10) != (len(end) == 10):
        raise ValueError("start and end are both days or both moments")
    before = start < end if len(start) == 10 else datetime.fromisoformat(start) < datetime.fromisoformat(end)
    if not before:
        raise ValueError("an event ends after it starts (an event of one whole day ends on the next)")


class ListCalendarsArguments(Arguments):
    """A page of the calendars that the account sees."""

    limit: Annotated[int, Field(ge=1, le=250)] = 100
    after: Cursor = ""


class ListEventsArguments(Arguments):
    """A page of a calendar's events by their start, repetitions one by one."""

    calendar: CalendarId = "primary"
    start: Moment
    end: Moment
    query: SearchText | None = None
    limit: Annotated[int, Field(ge=1, le=250)] = 100
    after: Cursor = ""

    @model_validator(mode="after")
    def _in_order(self) -> ListEventsArguments:
        in_order(self.start, self.end)
        return self


class GetEventArguments(Arguments):
    """One event by its id."""

    calendar: CalendarId = "primary"
    id: EventId


class FreeBusyArguments(Arguments):
    """When the owners of some calendars are busy."""

    start: Moment
    end: Moment
    calendars: Annotated[tuple[CalendarId, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _in_order(self) -> FreeBusyArguments:
        in_order(self.start, self.end)
        return self


class CreateEventArguments(Arguments):
    """A new event, with its guests."""

    calendar: CalendarId = "primary"
    title: Title
    start: When
    end: When
    time_zone: Zone | None = None
    attendees: Annotated[tuple[Address, ...], Field(max_length=100)] = ()
    location: Place | None = None
    description: Description | None = None
    notify: Notify
    key: Key
    """Idempotency key, unique per proposal: the event's id is made of it, so it is created once."""

    @model_validator(mode="after")
    def _holds_together(self) -> CreateEventArguments:
        in_order(self.start, self.end)
        if len({address.lower() for address in self.attendees}) != len(self.attendees):
            raise ValueError("a guest is named twice")
        return self


class UpdateEventArguments(Arguments):
    """New values for an event. Its guests cannot be changed: the API would ask all of them again."""

    calendar: CalendarId = "primary"
    id: EventId
    title: NewLine | None = None
    start: When | None = None
    end: When | None = None
    time_zone: Zone | None = None
    location: NewLine | None = None
    description: NewText | None = None
    notify: Notify

    @model_validator(mode="after")
    def _holds_together(self) -> UpdateEventArguments:
        if (self.start is None) != (self.end is None):
            raise ValueError("start and end are moved together")
        if self.start is not None and self.end is not None:
            in_order(self.start, self.end)
        elif self.time_zone is not None:
            raise ValueError("a time zone goes with start and end")
        if all(value is None for value in (self.title, self.start, self.location, self.description)):
            raise ValueError("nothing is changed")
        return self


class CancelEventArguments(Arguments):
    """The event to cancel."""

    calendar: CalendarId = "primary"
    id: EventId
    notify: Notify
