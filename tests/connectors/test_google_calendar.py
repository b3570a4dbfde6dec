"""Google Calendar: times that span an event, whom a change tells, and events that are created once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.connectors.google_calendar import GOOGLE_CALENDAR
from activities.connectors.google_calendar.changes import event_id
from coco.errors import InvalidInput
from tests.connectors.examples import answer
from tests.connectors.examples.google_calendar import CREATE, EVENT, EXAMPLES, NOT_THERE, SPAN

CALENDAR = EXAMPLES.connection
CREATE_IT = GOOGLE_CALENDAR.gated("events.create")
UPDATE = GOOGLE_CALENDAR.gated("events.update")
CANCEL = GOOGLE_CALENDAR.gated("events.cancel")
ID = "k3v9q0example"


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "2026-03-03T09:00:00", "end": "2026-03-03T10:00:00"},
        {"start": "2026-03-03T10:00:00+01:00", "end": "2026-03-03T09:00:00+01:00"},
        {"start": "2026-03-03T09:00:00+01:00", "end": "2026-03-03T09:00:00+01:00"},
        {"start": "2026-03-03T09:00:00+01:00", "end": "2026-03-03T07:30:00Z"},
        {"start": "2026-03-03", "end": "2026-03-03"},
        {"start": "2026-03-03", "end": "2026-03-04T10:00:00Z"},
        {"start": "2026-02-30", "end": "2026-03-04"},
        {"start": "2026-03-03T25:00:00Z"},
        {"time_zone": "Mars" + "/" * 3},
        {"calendar": "../primary"},
        {"calendar": ""},
        {"calendar": "a/b"},
        {"title": "a\r\nb"},
        {"title": ""},
        {"attendees": ["ada@engine.example", "ADA@engine.example"]},
        {"attendees": ["Ada <ada@engine.example>"]},
        {"description": "bell \x07"},
        {"notify": "some"},
        {"notify": None},
        {"key": ""},
    ],
)
def test_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"events\.create"):
        CREATE_IT.build(CALENDAR, {**CREATE, **changes}, NOT_THERE)


def test_whom_it_tells_has_no_default() -> None:
    for operation in (CREATE_IT, UPDATE, CANCEL):
        assert "notify" in operation.arguments.model_json_schema()["required"]
    with pytest.raises(InvalidInput, match="notify"):
        CANCEL.parse({"id": ID})


@pytest.mark.parametrize("notify", ["all", "externalOnly", "none"])
def test_whom_it_tells_is_sent_and_on_the_card(notify: str) -> None:
    built = [
        CREATE_IT.build(CALENDAR, {**CREATE, "notify": notify}, NOT_THERE),
        UPDATE.build(CALENDAR, {"id": ID, "title": "x", "notify": notify}, answer(EVENT)),
        CANCEL.build(CALENDAR, {"id": ID, "notify": notify}, answer(EVENT)),
    ]
    for action in built:
        assert action.request.target.endswith(f"?sendUpdates={notify}")
        assert notify in action.preview.after["notify"]


def test_a_proposal_has_one_event_and_another_proposal_another() -> None:
    first = CREATE_IT.build(CALENDAR, CREATE, NOT_THERE)
    body = json.loads(first.request.body)
    assert body["id"] == event_id(CREATE_IT.parse(CREATE))
    assert set(body["id"]) <= set("0123456789abcdefghijklmnopqrstuv")
    other = CREATE_IT.build(CALENDAR, {**CREATE, "key": "run:2"}, NOT_THERE)
    assert json.loads(other.request.body)["id"] != body["id"]
    assert first.prior is not None
    assert first.prior.value is None
    assert first.prior.request.target.endswith(body["id"])


def test_an_event_that_is_there_already_is_not_proposed_again() -> None:
    arguments = CREATE_IT.parse(CREATE)
    there = answer({**EVENT, "id": event_id(arguments)})
    with pytest.raises(InvalidInput, match="already"):
        CREATE_IT.build(CALENDAR, CREATE, there)
    assert CREATE_IT.applied(arguments, CREATE_IT.prior(arguments, there)) is True
    assert CREATE_IT.applied(arguments, None) is None


def test_moving_an_event_clears_the_other_kind_of_time() -> None:
    day = UPDATE.build(
        CALENDAR, {"id": ID, "start": "2026-03-04", "end": "2026-03-05", "notify": "none"}, answer(EVENT)
    )
    assert json.loads(day.request.body) == {
        "start": {"date": "2026-03-04", "dateTime": None, "timeZone": None},
        "end": {"date": "2026-03-05", "dateTime": None, "timeZone": None},
    }
    hour = {"start": "2026-03-04T09:00:00Z", "end": "2026-03-04T10:00:00Z", "time_zone": "Europe/Paris"}
    moved = UPDATE.build(CALENDAR, {"id": ID, **hour, "notify": "none"}, answer(EVENT))
    assert json.loads(moved.request.body)["start"] == {
        "date": None,
        "dateTime": "2026-03-04T09:00:00Z",
        "timeZone": "Europe/Paris",
    }


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"start": "2026-03-04"},
        {"end": "2026-03-04"},
        {"time_zone": "Europe/Paris"},
        {"title": "x", "time_zone": "Europe/Paris"},
        {"attendees": ["ada@engine.example"]},
        {"title": "x", "status": "cancelled"},
    ],
)
def test_a_change_that_is_none_or_half_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"events\.update"):
        UPDATE.parse({"id": ID, "notify": "none", **arguments})


def test_only_what_is_changed_is_compared_and_a_series_is_named() -> None:
    weekly = answer({**EVENT, "recurrence": ["RRULE:FREQ=WEEKLY"]})
    action = UPDATE.build(CALENDAR, {"id": ID, "title": "Moved", "notify": "none"}, weekly)
    assert action.prior is not None
    assert action.prior.value == {"title": "Pilot review", "repeats": True}
    assert action.preview.before == {"title": "Pilot review"}
    assert action.preview.summary == "Change title of “Pilot review” (the whole series)"
    assert "the whole series" in CANCEL.build(CALENDAR, {"id": ID, "notify": "all"}, weekly).preview.summary


def test_read_back_settles_only_what_it_shows() -> None:
    times = {"start": "2026-03-04T08:00:00Z", "end": "2026-03-04T08:30:00Z"}
    arguments = UPDATE.parse({"id": ID, "title": "Moved", **times, "notify": "none"})
    # The same moments, as Google writes them in the calendar's own offset.
    now = {"title": "Moved", "start": "2026-03-04T09:00:00+01:00", "end": "2026-03-04T09:30:00+01:00"}
    assert UPDATE.applied(arguments, now) is True
    assert UPDATE.applied(arguments, {**now, "title": "Other"}) is None
    assert UPDATE.applied(arguments, {**now, "start": "2026-03-04T09:00:00"}) is None
    assert UPDATE.applied(arguments, None) is None


@pytest.mark.parametrize("gone", [answer({}, 404), answer({}, 410), answer({**EVENT, "status": "cancelled"})])
def test_an_event_that_is_gone_is_not_changed_and_counts_as_cancelled(gone: Any) -> None:
    with pytest.raises(InvalidInput, match="there is no event"):
        UPDATE.build(CALENDAR, {"id": ID, "title": "x", "notify": "none"}, gone)
    arguments = CANCEL.parse({"id": ID, "notify": "none"})
    assert CANCEL.applied(arguments, CANCEL.prior(arguments, gone)) is True


def test_another_events_values_are_not_this_ones() -> None:
    with pytest.raises(InvalidInput, match=f"is of event other1, not of {ID}"):
        UPDATE.build(CALENDAR, {"id": ID, "title": "x", "notify": "none"}, answer({**EVENT, "id": "other1"}))


def test_busy_times_tell_which_calendars_could_not_be_read() -> None:
    read = GOOGLE_CALENDAR.read("freebusy.query")
    [example] = EXAMPLES.operations["freebusy.query"]
    facts = read.facts(read.parse({**SPAN, "calendars": ["ada@engine.example"]}), example.response)
    assert facts["calendars"]["no@engine.example"] == {"busy": [], "problems": ["notFound"]}
    assert len(facts["calendars"]["ada@engine.example"]["busy"]) == 1
