"""What a card says about taking an action back is what can be done: every gated operation of every connector."""

from __future__ import annotations

import json
from typing import Any

import pytest

from activities.compensation import compensation, draft_of, follow_up
from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.gmail import GMAIL
from activities.connectors.google_calendar import GOOGLE_CALENDAR
from activities.connectors.hubspot import HUBSPOT
from activities.connectors.registry import CONNECTORS
from activities.connectors.salesforce import SALESFORCE
from coco.actions import Action, Reversibility
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from tests.connectors.conformance import Case, case_id, cases
from tests.connectors.examples import Example, answer, examples_of

GATED = [case for case in cases() if isinstance(case.operation, GatedOperation)]


def back(
    connection: ConnectionInfo, action: Action, arguments: dict[str, Any], before: Any, after: ProviderResponse
) -> Action:
    """The action that takes another back, built as it would be proposed."""
    found = compensation(action, arguments, before, after)
    return CONNECTORS[connection.connector].gated(found.operation).build(connection, found.arguments, found.response)


@pytest.mark.parametrize("case", GATED, ids=case_id)
def test_a_card_calls_reversible_exactly_what_can_be_taken_back(case: Case) -> None:
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    for example in examples_of(case.connection.connector).operations[operation.name]:
        action = operation.build(case.connection, example.arguments, example.prior)
        if action.reversibility is Reversibility.IRREVERSIBLE:
            assert operation.no_way_back.endswith("."), "say why nothing takes it back"
            with pytest.raises(InvalidInput, match="cannot be taken back") as refused:
                compensation(action, example.arguments, example.prior, example.response)
            assert operation.no_way_back in refused.value.message
        else:
            undo = back(case.connection, action, example.arguments, example.prior, example.response)
            assert undo.connection == action.connection
            assert undo.preview.summary


REMOVED = ProviderResponse(status=410)
"""What is left of an answer whose time is over, or whose connection was revoked."""


@pytest.mark.parametrize("case", GATED, ids=case_id)
@pytest.mark.parametrize("kept", ["before", "after", "neither"])
def test_what_is_not_kept_any_more_is_not_taken_for_what_a_provider_said(case: Case, kept: str) -> None:
    """It is told so, or the rest is enough; nothing else is raised, so that the page shows all the other entries."""
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    for example in examples_of(case.connection.connector).operations[operation.name]:
        action = operation.build(case.connection, example.arguments, example.prior)
        if action.reversibility is Reversibility.IRREVERSIBLE:
            continue
        before = example.prior if kept == "before" else REMOVED
        after = example.response if kept == "after" else ProviderResponse(status=example.response.status)
        found: Action | str
        try:
            found = back(case.connection, action, example.arguments, before, after)
        except InvalidInput as error:
            found = error.message
        whole = back(case.connection, action, example.arguments, example.prior, example.response)
        assert found == whole or "not kept" in str(found)


@pytest.mark.parametrize("case", GATED, ids=case_id)
def test_what_is_irreversible_at_best_has_no_way_back_written_for_it(case: Case) -> None:
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    written = type(operation).taken_back is not GatedOperation.taken_back
    assert written == (operation.reversibility is not Reversibility.IRREVERSIBLE)


def example(connector: str, operation: str) -> tuple[ConnectionInfo, Example]:
    found = examples_of(connector)
    return found.connection, found.operations[operation][0]


@pytest.mark.parametrize(
    "created", ["contacts.create", "deals.create", "companies.create", "notes.create", "tasks.create"]
)
def test_a_created_record_is_archived_by_the_id_that_the_answer_names(created: str) -> None:
    connection, one = example("hubspot", created)
    action = HUBSPOT.gated(created).build(connection, one.arguments, None)
    undo = back(connection, action, one.arguments, None, one.response)
    assert undo.operation == created.replace("create", "archive")
    assert undo.request.method == "DELETE"
    assert undo.request.target.endswith("/51")
    # As the provider answered it, not only as it was asked for.
    assert undo.prior is not None
    assert {name: value for name, value in (undo.prior.value or {}).items() if value} == undo.preview.before
    assert undo.preview.before
    with pytest.raises(InvalidInput, match="is not kept"):
        compensation(action, one.arguments, None, ProviderResponse(status=201))


def test_a_created_event_is_cancelled_and_guests_are_told_in_the_same_way() -> None:
    connection, one = example("google_calendar", "events.create")
    operation = GOOGLE_CALENDAR.gated("events.create")
    action = operation.build(connection, one.arguments, one.prior)
    made = {
        **{name: value for name, value in json.loads(action.request.body).items() if name != "id"},
        "id": "evmade12345",
        "status": "confirmed",
    }
    undo = back(connection, action, one.arguments, one.prior, answer(made))
    assert undo.operation == "events.cancel"
    assert "/events/evmade12345?sendUpdates=" + one.arguments["notify"] in undo.request.target
    assert undo.prior is not None
    assert undo.prior.value is not None
    assert undo.prior.value["title"] == one.arguments["title"]


EVENT = {
    "id": "abcde12345",
    "summary": "Kick-off",
    "start": {"dateTime": "2026-03-02T09:00:00+01:00", "timeZone": "Europe/Paris"},
    "end": {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": "Europe/Paris"},
    "attendees": [{"email": "ada@engine.example", "responseStatus": "accepted"}],
    "status": "confirmed",
}


def test_a_changed_event_goes_back_also_to_having_no_place() -> None:
    connection, _ = example("google_calendar", "events.update")
    arguments = {
        "id": "abcde12345",
        "location": "Room 4",
        "start": "2026-03-03T08:00:00Z",
        "end": "2026-03-03T09:00:00Z",
        "notify": "none",
    }
    action = GOOGLE_CALENDAR.gated("events.update").build(connection, arguments, answer(EVENT))
    # Google answers in the calendar's own zone.
    moved = {name: {"dateTime": f"2026-03-03T{hour}:00:00+01:00"} for name, hour in (("start", "09"), ("end", "10"))}
    undo = back(connection, action, arguments, answer(EVENT), answer({**EVENT, **moved, "location": "Room 4"}))
    assert undo.preview.before == {
        "start": "2026-03-03T09:00:00+01:00",
        "end": "2026-03-03T10:00:00+01:00",
        "location": "Room 4",
    }
    assert (undo.preview.after["location"], undo.preview.after["start"]) == ("", "2026-03-02T09:00:00+01:00")
    assert '"location":""' in undo.request.body
    assert "Europe/Paris" in undo.request.body


def test_a_cancelled_event_is_made_anew_and_a_cancelled_series_is_not() -> None:
    connection, _ = example("google_calendar", "events.cancel")
    operation, arguments = GOOGLE_CALENDAR.gated("events.cancel"), {"id": "abcde12345", "notify": "all"}
    action = operation.build(connection, arguments, answer(EVENT))
    assert action.reversibility is Reversibility.COMPENSABLE
    undo = back(connection, action, arguments, answer(EVENT), ProviderResponse(status=204))
    assert (undo.operation, undo.preview.after["title"]) == ("events.create", "Kick-off")
    assert undo.preview.after["attendees"] == ["ada@engine.example"]
    series = answer({**EVENT, "recurrence": ["RRULE:FREQ=DAILY"]})
    action = operation.build(connection, arguments, series)
    assert action.reversibility is Reversibility.IRREVERSIBLE
    with pytest.raises(InvalidInput, match="A series is not made anew"):
        compensation(action, arguments, series, ProviderResponse(status=204))


def test_a_saved_draft_is_deleted_while_it_is_the_one_that_was_saved() -> None:
    connection, one = example("gmail", "drafts.create")
    action = GMAIL.gated("drafts.create").build(connection, one.arguments, None)
    made = answer({"id": "r77", "message": {"id": "m1", "threadId": "t1", "labelIds": ["DRAFT"]}})
    undo = back(connection, action, one.arguments, None, made)
    assert (undo.operation, undo.request.method) == ("drafts.delete", "DELETE")
    assert undo.request.target.endswith("/drafts/r77")
    assert undo.prior is not None
    assert undo.prior.value is not None
    assert undo.prior.value["subject"] == one.arguments["subject"]
    assert undo.prior.value["message_id"] == "m1"
    assert undo.prior.value["to"] == ", ".join(one.arguments["to"])


def test_a_list_membership_goes_the_other_way() -> None:
    connection, one = example("hubspot", "lists.add")
    action = HUBSPOT.gated("lists.add").build(connection, one.arguments, one.prior)
    undo = back(connection, action, one.arguments, one.prior, one.response)
    assert (undo.operation, undo.preview.before) == ("lists.remove", {"on_list": True})


def test_a_created_salesforce_record_is_shown_again_before_it_is_deleted() -> None:
    connection, one = example("salesforce", "records.create")
    action = SALESFORCE.gated("records.create").build(connection, one.arguments, None)
    undo = back(connection, action, one.arguments, None, one.response)
    assert undo.operation == "records.delete"
    # Never what a read shows: the gateway sends nothing and the record comes back to be looked at.
    assert undo.prior is not None
    assert undo.prior.value is not None
    assert undo.prior.value["LastModifiedDate"] is None


def test_a_tag_that_was_added_is_taken_off_again() -> None:
    connection, _ = example("hubspot", "contacts.update")
    arguments = {"id": "51", "properties": {"tags": "vip;candidate"}}
    record = {"email": "ada@engine.example", "firstname": "Ada", "lastname": None, "company": None, "tags": "vip"}
    before = answer({"id": "51", "properties": record, "archived": False})
    action = HUBSPOT.gated("contacts.update").build(connection, arguments, before)
    undo = back(connection, action, arguments, before, answer({"id": "51"}))
    assert (undo.preview.before, undo.preview.after) == ({"tags": "vip;candidate"}, {"tags": "vip"})


@pytest.mark.parametrize("case", GATED, ids=case_id)
def test_only_messages_are_followed_and_never_by_what_can_be_undone(case: Case) -> None:
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    for example in examples_of(case.connection.connector).operations[operation.name]:
        action = operation.build(case.connection, example.arguments, example.prior)
        found = follow_up(action, example.arguments, example.prior, example.response)
        messages = operation.name in {"email.send", "messages.post", "messages.direct"}
        assert (found is not None) == messages
        if found is not None:
            assert action.reversibility is Reversibility.IRREVERSIBLE
            built = CONNECTORS[case.connection.connector].gated(found.operation)
            following = built.build(case.connection, found.arguments, found.response)
            assert following.digest() != action.digest()
            assert "by mistake" in draft_of(following, found.arguments).body
