"""Calendars and events out of Google's answers, checked; and times in Google's form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.connectors.cards import plain
from activities.connectors.http import as_object, object_of, text_in
from coco.errors import InvalidInput
from coco.requests import ProviderResponse


def page_of(response: ProviderResponse) -> tuple[list[dict[str, Any]], str | None]:
    """(items, where the next page begins) of a list. Google leaves an empty list out. Raises InvalidInput."""
    value = object_of(response, "a page")
    items = value.get("items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidInput("Google answered a page whose items cannot be read")
    token = value.get("nextPageToken")
    return items, token if isinstance(token, str) and token else None


def calendar_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, name, primary, time_zone, access}`. Raises InvalidInput."""
    return {
        "id": text_in(value, "id", "calendar"),
        "name": _text(value.get("summaryOverride")) or _text(value.get("summary")),
        "primary": value.get("primary") is True,
        "time_zone": _text(value.get("timeZone")),
        "access": _text(value.get("accessRole")),
    }


def event_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, title, start, end, status, location, description, organizer, attendees, repeats, url, updated}`.

    `start` and `end` are a day or an RFC 3339 moment; `attendees` are `{email, answer}`. Raises InvalidInput.
    """
    organizer = value.get("organizer")
    recurrence = value.get("recurrence")
    return {
        "id": text_in(value, "id", "event"),
        "title": _text(value.get("summary")),
        "start": _time(value.get("start")),
        "end": _time(value.get("end")),
        "status": _text(value.get("status")) or "confirmed",
        "location": _text(value.get("location")),
        "description": _text(value.get("description")),
        "organizer": _text(organizer.get("email")) if isinstance(organizer, dict) else None,
        "attendees": _attendees(value.get("attendees", [])),
        "repeats": isinstance(recurrence, list) and bool(recurrence),
        "url": _text(value.get("htmlLink")),
        "updated": _text(value.get("updated")),
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> str | None:
    if value is None:
        return None
    told = as_object(value, "a time")
    return _text(told.get("dateTime")) or _text(told.get("date"))


def _attendees(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidInput("Google answered guests that cannot be read")
    found = [{"email": _text(item.get("email")), "answer": _text(item.get("responseStatus"))} for item in value]
    return [item for item in found if item["email"]]


def existing_event(response: ProviderResponse, event_id: str) -> dict[str, Any] | None:
    """The event of that id; None where there is none, or where it was cancelled.

    Raises InvalidInput for any other answer and for another event's: an edit may have changed the id since the read.
    """
    if response.status in {404, 410}:
        return None
    event = event_of(object_of(response, "an event"))
    if event["id"] != event_id:
        raise InvalidInput(
            f"the value read is of event {plain(event['id'], 60)}, not of {event_id}; read that one first"
        )
    return None if event["status"] == "cancelled" else event


def time_body(when: str, zone: str | None, *, replaces: bool = False) -> dict[str, Any]:
    """A time as Google takes it. Where it `replaces` another, the other kind is cleared: PATCH would keep both."""
    if len(when) == 10:
        return {"date": when, **({"dateTime": None, "timeZone": None} if replaces else {})}
    body: dict[str, Any] = {"dateTime": when}
    if replaces:
        body["date"] = None
    if zone is not None:
        body["timeZone"] = zone
    return body


def same_time(one: str | None, other: str | None) -> bool:
    """Whether two times are the same day or the same moment, however the offset is written."""
    if one is None or other is None or len(one) == 10 or len(other) == 10:
        return one == other
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (TypeError, ValueError):
        return False


def titled(title: Any, event_id: str) -> str:
    """An event's name on a card."""
    return f"“{plain(title, 120)}”" if plain(title) else f"event {event_id}"


def spoken(start: Any, end: Any) -> str:
    """When an event is, on a card."""
    return f"{plain(start, 40)} to {plain(end, 40)}"
