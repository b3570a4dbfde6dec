"""Google Calendar."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

EVENT: dict[str, Any] = {
    "kind": "calendar#event",
    "id": "k3v9q0example",
    "status": "confirmed",
    "htmlLink": "https://www.google.com/calendar/event?eid=x",
    "created": "2026-01-01T00:00:00.000Z",
    "updated": "2026-01-02T00:00:00.000Z",
    "summary": "Pilot review",
    "description": "Numbers first",
    "location": "Room 1",
    "creator": {"email": "sales@acme.example", "self": True},
    "organizer": {"email": "sales@acme.example", "self": True},
    "start": {"dateTime": "2026-03-02T09:00:00+01:00", "timeZone": "Europe/Paris"},
    "end": {"dateTime": "2026-03-02T09:30:00+01:00", "timeZone": "Europe/Paris"},
    "attendees": [
        {"email": "ada@engine.example", "responseStatus": "accepted"},
        {"email": "sales@acme.example", "responseStatus": "needsAction", "self": True, "organizer": True},
    ],
}
CALENDAR = {
    "kind": "calendar#calendarListEntry",
    "id": "sales@acme.example",
    "summary": "Sales",
    "timeZone": "Europe/Paris",
    "accessRole": "owner",
    "primary": True,
}
SPAN = {"start": "2026-03-02T00:00:00Z", "end": "2026-03-09T00:00:00Z"}
CREATE: dict[str, Any] = {
    "calendar": "sales@acme.example",
    "title": "Next step",
    "start": "2026-03-03T09:00:00+01:00",
    "end": "2026-03-03T09:30:00+01:00",
    "time_zone": "Europe/Paris",
    "attendees": ["ada@engine.example"],
    "location": "Room 2",
    "description": "What is left to sign",
    "notify": "all",
    "key": "run:1",
}
NOT_THERE = answer({"error": {"code": 404, "message": "Not Found"}}, 404)
GONE = ProviderResponse.of(204, [], b"")
_PAGE = {"nextPageToken": "CiAKGjBpNDd2", "kind": "calendar#events"}
_BUSY = {
    "calendars": {
        "ada@engine.example": {"busy": [{"start": "2026-03-02T08:00:00Z", "end": "2026-03-02T08:30:00Z"}]},
        "no@engine.example": {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []},
    }
}
_MOVED = {
    "id": "k3v9q0example",
    "title": "Pilot review, moved",
    "start": "2026-03-04T09:00:00+01:00",
    "end": "2026-03-04T09:30:00+01:00",
    "time_zone": "Europe/Paris",
    "location": "Room 3",
    "description": "Numbers last",
    "notify": "externalOnly",
}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=4), connector="google_calendar", title="Calendar"),
    {
        "calendars.list": (
            Example({"after": "CiAK"}, answer({"items": [CALENDAR], "nextPageToken": "x"})),
            Example({}, answer({"kind": "calendar#calendarList"})),
        ),
        "events.list": (
            Example(
                {"calendar": "sales@acme.example", **SPAN, "query": "pilot review", "after": "CiAK"},
                answer({"items": [EVENT], **_PAGE}),
            ),
        ),
        "events.get": (Example({"calendar": "sales@acme.example", "id": "k3v9q0example"}, answer(EVENT)),),
        "freebusy.query": (Example({**SPAN, "calendars": ["ada@engine.example", "no@engine.example"]}, answer(_BUSY)),),
        "events.create": (
            Example(CREATE, answer(EVENT), prior=NOT_THERE, unshown=frozenset({"key"})),
            Example(
                {"title": "Offsite", "start": "2026-03-02", "end": "2026-03-04", "notify": "none", "key": "run:2"},
                answer(EVENT),
                prior=NOT_THERE,
                unshown=frozenset({"key"}),
            ),
        ),
        "events.update": (
            Example(_MOVED, answer(EVENT), prior=answer(EVENT)),
            Example(
                {"id": "k3v9q0example", "start": "2026-03-04", "end": "2026-03-05", "notify": "none"},
                answer(EVENT),
                prior=answer({**EVENT, "recurrence": ["RRULE:FREQ=WEEKLY"]}),
            ),
        ),
        "events.cancel": (Example({"id": "k3v9q0example", "notify": "all"}, GONE, prior=answer(EVENT)),),
    },
)
