"""The free operations: calendars, events, and when people are busy."""

from __future__ import annotations

from typing import Any, Literal

from activities.connectors.base import ConnectionInfo, ReadOperation, Route
from activities.connectors.google_calendar.arguments import (
    FreeBusyArguments,
    GetEventArguments,
    ListCalendarsArguments,
    ListEventsArguments,
)
from activities.connectors.google_calendar.records import calendar_of, event_of, page_of
from activities.connectors.google_calendar.scopes import CALENDARS, EVENTS, FREE_BUSY
from activities.connectors.google_calendar.wire import (
    CALENDAR_LIST,
    EVENT_PATH,
    EVENTS_PATH,
    FREE_BUSY_PATH,
    event_request,
    events_path,
)
from activities.connectors.http import as_object, http_request, object_of, objects_in, text_in
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


def _route(method: Literal["GET", "POST"], path: str, operation: str, scope: str, *query: str) -> Route:
    return Route(method=method, path=path, access="read", operation=operation, scopes=(scope,), query=tuple(query))


class ListCalendars(ReadOperation[ListCalendarsArguments]):
    """Facts: `{calendars: [calendar], after}`."""

    name = "calendars.list"
    title = "List calendars"
    arguments = ListCalendarsArguments
    route = _route("GET", CALENDAR_LIST, name, CALENDARS, "maxResults", "pageToken")

    def request(self, connection: ConnectionInfo, arguments: ListCalendarsArguments) -> PreparedRequest:
        query = [("maxResults", str(arguments.limit))]
        if arguments.after:
            query.append(("pageToken", arguments.after))
        return http_request("GET", CALENDAR_LIST, query=query)

    def facts(self, arguments: ListCalendarsArguments, response: ProviderResponse) -> dict[str, Any]:
        items, after = page_of(response)
        return {"calendars": [calendar_of(item) for item in items], "after": after}


class ListEvents(ReadOperation[ListEventsArguments]):
    """Facts: `{events: [event], after}`, by their start."""

    name = "events.list"
    title = "List events"
    arguments = ListEventsArguments
    route = _route(
        "GET",
        EVENTS_PATH,
        name,
        EVENTS,
        *("maxResults", "orderBy", "pageToken", "q", "singleEvents", "timeMax", "timeMin"),
    )

    def request(self, connection: ConnectionInfo, arguments: ListEventsArguments) -> PreparedRequest:
        query = [
            ("maxResults", str(arguments.limit)),
            ("orderBy", "startTime"),
            ("singleEvents", "true"),
            ("timeMin", arguments.start),
            ("timeMax", arguments.end),
        ]
        if arguments.query is not None:
            query.append(("q", arguments.query))
        if arguments.after:
            query.append(("pageToken", arguments.after))
        return http_request("GET", events_path(arguments.calendar), query=query)

    def facts(self, arguments: ListEventsArguments, response: ProviderResponse) -> dict[str, Any]:
        items, after = page_of(response)
        return {"events": [event_of(item) for item in items], "after": after}


class GetEvent(ReadOperation[GetEventArguments]):
    """Facts: the event, a cancelled one with that status."""

    name = "events.get"
    title = "Read an event"
    arguments = GetEventArguments
    route = _route("GET", EVENT_PATH, name, EVENTS)

    def request(self, connection: ConnectionInfo, arguments: GetEventArguments) -> PreparedRequest:
        return event_request(arguments.calendar, arguments.id)

    def facts(self, arguments: GetEventArguments, response: ProviderResponse) -> dict[str, Any]:
        return event_of(object_of(response, "an event"))


class FreeBusy(ReadOperation[FreeBusyArguments]):
    """Facts: `{calendars: {id: {busy: [{start, end}], problems: [text]}}}`. A POST that changes nothing."""

    name = "freebusy.query"
    title = "See when people are busy"
    arguments = FreeBusyArguments
    route = _route("POST", FREE_BUSY_PATH, name, FREE_BUSY)

    def request(self, connection: ConnectionInfo, arguments: FreeBusyArguments) -> PreparedRequest:
        body = {
            "timeMin": arguments.start,
            "timeMax": arguments.end,
            "items": [{"id": calendar} for calendar in sorted(set(arguments.calendars))],
        }
        return http_request("POST", FREE_BUSY_PATH, body=body)

    def facts(self, arguments: FreeBusyArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "an answer about busy times")
        calendars = value.get("calendars")
        if not isinstance(calendars, dict):
            raise InvalidInput("Google answered no calendars")
        return {"calendars": {name: _busy(as_object(told, "a calendar")) for name, told in calendars.items()}}


def _busy(told: dict[str, Any]) -> dict[str, Any]:
    spans = objects_in({"busy": [], **told}, "busy", "calendar")
    errors = objects_in({"errors": [], **told}, "errors", "calendar")
    return {
        "busy": [{"start": text_in(span, "start", "span"), "end": text_in(span, "end", "span")} for span in spans],
        "problems": [text_in(error, "reason", "problem") for error in errors],
    }
