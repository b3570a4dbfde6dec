"""Google Calendar v3: calendars and events are read freely; creating, changing and cancelling events is gated."""

from __future__ import annotations

from activities.connectors.google import AUTH, OAUTH, GoogleConnector
from activities.connectors.google_calendar.changes import CancelEvent, CreateEvent, UpdateEvent
from activities.connectors.google_calendar.facts import CalendarFacts
from activities.connectors.google_calendar.reads import FreeBusy, GetEvent, ListCalendars, ListEvents
from activities.connectors.google_calendar.scopes import SCOPES
from activities.connectors.manifest import Check, RateLimit

__all__ = ["GOOGLE_CALENDAR"]

GOOGLE_CALENDAR = GoogleConnector(
    "google_calendar",
    "Google Calendar",
    (ListCalendars(), ListEvents(), GetEvent(), FreeBusy(), CreateEvent(), UpdateEvent(), CancelEvent()),
    auth=AUTH,
    oauth=OAUTH,
    scopes=SCOPES,
    # Google asks to make a call over the limit again later. Every change here may be made twice to the same end: a new
    # event has its id, a change its values.
    rate_limit=RateLimit(
        requests=600,
        seconds=60,
        not_carried_out=True,
        source="https://developers.google.com/workspace/calendar/api/guides/quota",
    ),
    check=Check(operation="calendars.list", arguments={"limit": 1}),
    base_url="https://www.googleapis.com",
    record_url="https://calendar.google.com",
    facts=CalendarFacts(),
)
