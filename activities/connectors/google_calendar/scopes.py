"""Google Calendar's scopes in plain words. The narrowest that the operations work with."""

from __future__ import annotations

from activities.connectors.google import SCOPE
from activities.connectors.manifest import Scope

CALENDARS = f"{SCOPE}calendar.calendarlist.readonly"
EVENTS = f"{SCOPE}calendar.events.readonly"
FREE_BUSY = f"{SCOPE}calendar.freebusy"
WRITE = f"{SCOPE}calendar.events"

SCOPES = (
    Scope(name=CALENDARS, allows="See which calendars you have", access="read", preselected=True),
    Scope(name=EVENTS, allows="See the events on your calendars", access="read", preselected=True),
    Scope(name=FREE_BUSY, allows="See when people are busy", access="read"),
    Scope(name=WRITE, allows="Create, change and cancel events on your calendars", access="write"),
)
