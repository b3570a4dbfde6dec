"""Calendars and events out of Google's answers, checked; and times in Google's form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from activities.connectors.cards import plain
from activities.connectors.http import as_object, object_of, text_in, text_or_none
from coco.errors import InvalidInput
from coco.requests import ProviderResponse


def page_of(response: ProviderResponse) -> tuple[list[dict[str, Any]], str | None]:
    """(items, where the next page begins) of a list. Google leaves an empty list out. Raises InvalidInput."""
    value = object_of(response, "a page")
    items = value.get("items", [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise InvalidInput("Google answered a page whose items cannot be read")
    return items, text_or_none(value.get("nextPageToken"))


def calendar_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, name, primary, time_zone, access}`. Raises InvalidInput."""
    return {
        "id": text_in(value, "id", "calendar"),
        "name": text_or_none(value.get("summaryOverride")) or text_or_none(value.get("summary")),
        "primary": value.get("primary") is True,
        "time_zone": text_or_none(value.get("timeZone")),
        "access": text_or_none(value.get("accessRole")),
    }


def event_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, title, start, end, status, location, description, organizer, attendees, repeats, url, updated}`.

    `start` and `end` are a day or an RFC 3339 moment; `attendees` are `{email, answer}`. Raises InvalidInput.
    """
    organizer = value.get("organizer")
    recurrence = value.get("recurrence")
    return {
        "id": text_in(value, "id", "event"),
        "title": text_or_none(value.get("summary")),
        "start": _time(value.get("start")),
        "end": _time(value.get("end")),
        "status": text_or_none(value.get("status")) or "confirmed",
        "location": text_or_none(value.get("location")),
        "description": text_or_none(value.get("description")),
        "organizer": text_or_none(organizer.get("email")) if isinstance(organizer, dict) else None,
        "attendees": _attendees(value.get("attendees", [])),
        "repeats": isinstance(recurrence, list) and bool(recurrence),
        "url": text_or_none(value.get("htmlLink")),
        "updated": text_or_none(value.get("updated")),
    }


def _time(value: Any) -> str | None:
    if value is None:
        return None
    told = as_object(value, "a time")
    return text_or_none(told.get("dateTime")) or text_or_none(told.get("date"))


def _attendees(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise InvalidInput("Google answered guests that cannot be read")
    found = [
        {"email": text_or_none(item.get("email")), "answer": text_or_none(item.get("responseStatus"))} for item in value
    ]
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
