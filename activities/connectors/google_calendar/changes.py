"""Gated: creating, changing and cancelling an event. Whom Google tells is an argument, and on the card."""

from __future__ import annotations

from typing import Any, Literal

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.cards import listed
from activities.connectors.google_calendar.arguments import (
    CancelEventArguments,
    CreateEventArguments,
    Notify,
    UpdateEventArguments,
)
from activities.connectors.google_calendar.records import existing_event, same_time, spoken, time_body, titled
from activities.connectors.google_calendar.scopes import EVENTS, WRITE
from activities.connectors.google_calendar.wire import (
    EVENT_PATH,
    EVENTS_PATH,
    event_path,
    event_request,
    events_path,
    kept,
)
from activities.connectors.http import as_object, http_request, object_of
from activities.connectors.taking_back import BY_HAND, Compensation, Done
from coco.actions import Preview, Reversibility
from coco.canonical import digest
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

CREDITS = {"events.create": 2, "events.update": 1, "events.cancel": 2}

_TOLD: dict[Notify, str] = {
    "all": "every guest is told (all)",
    "externalOnly": "guests without Google Calendar are told (externalOnly)",
    "none": "nobody is told (none)",
}


def _route(method: Literal["POST", "PATCH", "DELETE"], path: str, operation: str) -> Route:
    return Route(
        method=method,
        path=path,
        access="gated",
        operation=operation,
        scopes=(EVENTS, WRITE),
        query=("sendUpdates",),
    )


def event_id(arguments: CreateEventArguments) -> str:
    """The id that the new event gets: lower-case hex, which Google takes, of the arguments' digest."""
    return digest({"event": arguments.model_dump(mode="json")})


class CreateEvent(GatedOperation[CreateEventArguments]):
    """POST of an event under an id of our choosing, which is read before: it is there at most once."""

    name = "events.create"
    title = "Create an event"
    arguments = CreateEventArguments
    route = _route("POST", EVENTS_PATH, name)
    credits = CREDITS[name]
    # Cancelling it makes up for it; guests may have been told.
    reversibility = Reversibility.COMPENSABLE

    def request(self, connection: ConnectionInfo, arguments: CreateEventArguments) -> PreparedRequest:
        body: dict[str, Any] = {
            "id": event_id(arguments),
            "summary": arguments.title,
            "start": time_body(arguments.start, arguments.time_zone),
            "end": time_body(arguments.end, arguments.time_zone),
        }
        if arguments.attendees:
            body["attendees"] = [{"email": address} for address in arguments.attendees]
        if arguments.location is not None:
            body["location"] = arguments.location
        if arguments.description is not None:
            body["description"] = arguments.description
        query = [("sendUpdates", arguments.notify)]
        return http_request("POST", events_path(arguments.calendar), query=query, body=body)

    def prior_request(self, connection: ConnectionInfo, arguments: CreateEventArguments) -> PreparedRequest:
        return event_request(arguments.calendar, event_id(arguments))

    def prior(self, arguments: CreateEventArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """None: not created yet, which is the state it is approved on."""
        event = existing_event(response, event_id(arguments))
        return None if event is None else {"id": event["id"]}

    def preview(
        self, connection: ConnectionInfo, arguments: CreateEventArguments, prior: dict[str, Any] | None
    ) -> Preview:
        if prior is not None:
            raise InvalidInput(f"{self.name}: this very event is on the calendar already")
        after: dict[str, Any] = {
            "title": arguments.title,
            "start": arguments.start,
            "end": arguments.end,
            "calendar": arguments.calendar,
            "notify": _TOLD[arguments.notify],
        }
        if arguments.time_zone is not None:
            after["time_zone"] = arguments.time_zone
        if arguments.attendees:
            after["attendees"] = list(arguments.attendees)
        if arguments.location is not None:
            after["location"] = arguments.location
        guests = f" with {listed(list(arguments.attendees), 3)}" if arguments.attendees else ""
        when = spoken(arguments.start, arguments.end)
        return Preview(
            summary=f"Create the event {titled(arguments.title, '')}{guests}, {when}"[:500],
            record=f"{titled(arguments.title, '')} (new event on {arguments.calendar[:100]})",
            after=after,
            body=arguments.description or "",
        )

    def taken_back(self, arguments: CreateEventArguments, done: Done) -> Compensation:
        return Compensation(
            operation="events.cancel",
            arguments={
                "calendar": arguments.calendar,
                "id": kept(done.answered(), event_id(arguments))["id"],
                "notify": arguments.notify,
            },
            response=done.answered(),
            note="Guests who were told of the event are told of its end in the same way.",
        )

    def applied(self, arguments: CreateEventArguments, now: dict[str, Any] | None) -> bool | None:
        # Nothing else makes an event with this id.
        return True if now is not None else None

    def result(self, arguments: CreateEventArguments, response: ProviderResponse) -> dict[str, Any]:
        return kept(response, event_id(arguments))


class UpdateEvent(GatedOperation[UpdateEventArguments]):
    """PATCH of an event's title, time, place or description."""

    name = "events.update"
    title = "Change an event"
    arguments = UpdateEventArguments
    route = _route("PATCH", EVENT_PATH, name)
    credits = CREDITS[name]
    reversibility = Reversibility.REVERSIBLE

    def request(self, connection: ConnectionInfo, arguments: UpdateEventArguments) -> PreparedRequest:
        names = {"title": "summary", "location": "location", "description": "description"}
        body: dict[str, Any] = {}
        for name, value in _proposed(arguments).items():
            if name in names:
                body[names[name]] = value
            else:
                body[name] = time_body(value, arguments.time_zone, replaces=True)
        path = event_path(arguments.calendar, arguments.id)
        return http_request("PATCH", path, query=[("sendUpdates", arguments.notify)], body=body)

    def prior_request(self, connection: ConnectionInfo, arguments: UpdateEventArguments) -> PreparedRequest:
        return event_request(arguments.calendar, arguments.id)

    def prior(self, arguments: UpdateEventArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """What is changed, and whether the whole of a series would be."""
        event = existing_event(response, arguments.id)
        if event is None:
            return None
        return {name: event[name] for name in _proposed(arguments)} | {"repeats": event["repeats"]}

    def preview(
        self, connection: ConnectionInfo, arguments: UpdateEventArguments, prior: dict[str, Any] | None
    ) -> Preview:
        return self._preview(arguments, prior, None)

    def preview_of_read(
        self,
        connection: ConnectionInfo,
        arguments: UpdateEventArguments,
        prior: dict[str, Any] | None,
        response: ProviderResponse | None,
    ) -> Preview:
        event = None if response is None else existing_event(response, arguments.id)
        return self._preview(arguments, prior, event)

    def _preview(
        self, arguments: UpdateEventArguments, prior: dict[str, Any] | None, event: dict[str, Any] | None
    ) -> Preview:
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no event {arguments.id} (any more)")
        proposed = _proposed(arguments)
        after: dict[str, Any] = {**proposed, "notify": _TOLD[arguments.notify]}
        if arguments.time_zone is not None:
            after["time_zone"] = arguments.time_zone
        name = titled(event["title"] if event else prior.get("title"), arguments.id)
        what = listed([field for field in proposed if field != "end"])
        return Preview(
            summary=f"Change {'start and end' if what == 'start' else what} of {_whole(name, prior)}"[:500],
            record=f"{name} (event {arguments.id} on {arguments.calendar})"[:300],
            before={field: value for field, value in prior.items() if field != "repeats"},
            after=after,
            body=arguments.description or "",
        )

    def taken_back(self, arguments: UpdateEventArguments, done: Done) -> Compensation:
        before: dict[str, Any] = {name: done.prior[name] or "" for name in _proposed(arguments)}
        zone = _zone(done) if "start" in before else None
        return Compensation(
            operation=self.name,
            arguments={
                "calendar": arguments.calendar,
                "id": arguments.id,
                "notify": arguments.notify,
                **before,
                **({"time_zone": zone} if zone else {}),
            },
            response=done.answered(),
        )

    def applied(self, arguments: UpdateEventArguments, now: dict[str, Any] | None) -> bool | None:
        # Other values prove nothing: the request may still be under way, or somebody wrote after it.
        if now is None:
            return None
        for name, value in _proposed(arguments).items():
            same = same_time(value, now.get(name)) if name in {"start", "end"} else (value or None) == now.get(name)
            if not same:
                return None
        return True

    def result(self, arguments: UpdateEventArguments, response: ProviderResponse) -> dict[str, Any]:
        return kept(response, arguments.id)


class CancelEvent(GatedOperation[CancelEventArguments]):
    """DELETE of an event. Google keeps it in the calendar's bin for about 30 days."""

    name = "events.cancel"
    title = "Cancel an event"
    arguments = CancelEventArguments
    route = _route("DELETE", EVENT_PATH, name)
    credits = CREDITS[name]
    reversibility = Reversibility.COMPENSABLE
    no_way_back = "A series is not made anew: restore it in Google Calendar, whose bin keeps it for about 30 days."

    def request(self, connection: ConnectionInfo, arguments: CancelEventArguments) -> PreparedRequest:
        query = [("sendUpdates", arguments.notify)]
        return http_request("DELETE", event_path(arguments.calendar, arguments.id), query=query)

    def prior_request(self, connection: ConnectionInfo, arguments: CancelEventArguments) -> PreparedRequest:
        return event_request(arguments.calendar, arguments.id)

    def prior(self, arguments: CancelEventArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """What would be missed: title, time, place, guests."""
        event = existing_event(response, arguments.id)
        if event is None:
            return None
        guests = [guest["email"] for guest in event["attendees"]]
        fields = ("title", "start", "end", "location", "repeats")
        return {name: event[name] for name in fields} | {"attendees": guests}

    def preview(
        self, connection: ConnectionInfo, arguments: CancelEventArguments, prior: dict[str, Any] | None
    ) -> Preview:
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no event {arguments.id} (any more)")
        name = titled(prior["title"], arguments.id)
        return Preview(
            summary=f"Cancel {_whole(name, prior)}, {spoken(prior['start'], prior['end'])}"[:500],
            record=f"{name} (event {arguments.id} on {arguments.calendar})"[:300],
            before={field: value for field, value in prior.items() if value and field != "repeats"},
            after={"notify": _TOLD[arguments.notify]},
        )

    def reversibility_of(self, arguments: CancelEventArguments, prior: dict[str, Any] | None) -> Reversibility:
        # One event is made anew; a whole series is not.
        return Reversibility.IRREVERSIBLE if prior and prior.get("repeats") else self.reversibility

    def taken_back(self, arguments: CancelEventArguments, done: Done) -> Compensation:
        event = existing_event(done.was(), arguments.id)
        if event is None:
            raise InvalidInput(BY_HAND)
        anew: dict[str, Any] = {
            "calendar": arguments.calendar,
            "title": event["title"] or "(no title)",
            "start": event["start"],
            "end": event["end"],
            "attendees": [guest["email"] for guest in event["attendees"]],
            "notify": arguments.notify,
            "key": f"again:{arguments.id}"[:80],
        }
        zone = _zone(done)
        anew |= {name: event[name] for name in ("location", "description") if event[name]}
        made = CreateEventArguments.model_validate(anew | ({"time_zone": zone} if zone else {}))
        return Compensation(
            operation="events.create",
            arguments=made.model_dump(mode="json", exclude_none=True),
            response=ProviderResponse.of(404, [], b""),
            note="It comes back as a new event: its guests are asked again, and their answers are lost.",
        )

    def applied(self, arguments: CancelEventArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built from an event that was there, so one that is gone was cancelled: by this, or to the same
        # end.
        return True if now is None else None

    def result(self, arguments: CancelEventArguments, response: ProviderResponse) -> dict[str, Any]:
        return kept(response, arguments.id)


def _proposed(arguments: UpdateEventArguments) -> dict[str, str]:
    """New values by field."""
    fields = ("title", "start", "end", "location", "description")
    return {name: getattr(arguments, name) for name in fields if getattr(arguments, name) is not None}


def _zone(done: Done) -> str | None:
    """The time zone that the event was kept in, where start and end have the same."""
    event = object_of(done.was(), "an event")
    zones = {as_object(event.get(name) or {}, "a time").get("timeZone") for name in ("start", "end")}
    zone = zones.pop() if len(zones) == 1 else None
    return zone if isinstance(zone, str) else None


def _whole(name: str, prior: dict[str, Any]) -> str:
    return f"{name} (the whole series)" if prior.get("repeats") else name
