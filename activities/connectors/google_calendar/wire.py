"""Paths of the Calendar API v3, and what the log keeps of its writes."""

from __future__ import annotations

from typing import Any

from activities.connectors.http import http_request, kept_text, segment, written
from coco.requests import PreparedRequest, ProviderResponse

BASE = "/calendar/v3"
CALENDAR_LIST = f"{BASE}/users/me/calendarList"
EVENTS_PATH = f"{BASE}/calendars/{{calendarId}}/events"
EVENT_PATH = f"{EVENTS_PATH}/{{eventId}}"
FREE_BUSY_PATH = f"{BASE}/freeBusy"


def events_path(calendar: str) -> str:
    return f"{BASE}/calendars/{segment(calendar)}/events"


def event_path(calendar: str, event_id: str) -> str:
    return f"{events_path(calendar)}/{segment(event_id)}"


def event_request(calendar: str, event_id: str) -> PreparedRequest:
    """The read of an event. Operations before a change and facts make this very one, so that one read serves both."""
    return http_request("GET", event_path(calendar, event_id))


def kept(response: ProviderResponse, event_id: str) -> dict[str, Any]:
    """`{id, url, updated}` of a changed event, where the answer names them."""
    value = written(response)
    found: dict[str, Any] = {"id": kept_text(value.get("id"), 200) or event_id}
    url = kept_text(value.get("htmlLink"))
    if url is not None and url.startswith("https://"):
        found["url"] = url
    updated = kept_text(value.get("updated"), 40)
    return found | ({"updated": updated} if updated else {})
