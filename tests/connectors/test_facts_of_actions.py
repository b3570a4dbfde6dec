"""What guardrails see of each connector's actions: declared facts of the declared types, from the action itself and
from attested answers; and rules that cover such actions on one side of the line only."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.attested import Wanted
from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.registry import CONNECTORS, connector
from activities.facts import action_facts, readable, record_facts, wanted_reads
from coco.actions import Action
from coco.canonical import parse_json
from coco.errors import InvalidInput
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import compile_sentence
from coco.guardrails.records import read_value
from coco.guardrails.requirements import form_requirements
from coco.requests import PreparedRequest, ProviderResponse
from coco.verdicts import judge
from tests.connectors.examples import Example, answer, examples_of
from tests.connectors.examples.apollo import CONTACT as APOLLO_CONTACT
from tests.connectors.examples.apollo import LISTS, SEQUENCE, contact, person
from tests.connectors.examples.google_calendar import CREATE, EVENT, NOT_THERE
from tests.connectors.examples.outreach import PROSPECT, page, resource, state
from tests.connectors.examples.salesforce import OPPORTUNITY, record
from tests.connectors.examples.slack import ADA, CHANNEL

CATALOGUE = default_catalogue()
NOW = {"now": "2026-03-01T00:00:00Z"}
BASE_URL = "https://hooks.example.com/coco"
GATED = [
    (name, operation)
    for name, one in sorted(CONNECTORS.items())
    for operation in one.operations.values()
    if isinstance(operation, GatedOperation)
]
UNNAMED = {"organizations.search", "notes.archive", "tasks.archive"}
"""Gated operations that the catalogue has no word for."""
NAMED_OTHERWISE: dict[tuple[str, str], dict[str, Any]] = {
    ("apollo", "contacts.add_to_sequence"): {"even_if": []},
    ("google_calendar", "events.create"): {"calendar": "primary"},
    ("google_calendar", "events.update"): {"calendar": "primary"},
    ("google_calendar", "events.cancel"): {"calendar": "primary"},
    ("hubspot", "lists.remove"): {"object": "contacts"},
}
"""What makes an action of an example one that has a name: the own calendar, contacts on lists,
no reasons to be skipped overruled."""
EVERY_ACTION = ("action.connector", "action.credits", "action.reversible")
DOCS = (Path(__file__).parents[2] / "docs" / "facts.md").read_text("utf-8")
EVERYTHING = frozenset({"contact", "deal", "company", *CATALOGUE.facts})


def _id(value: Any) -> str:
    return value.name if isinstance(value, GatedOperation) else str(value)


def examples(name: str, operation: GatedOperation[Any]) -> list[Example]:
    changes = NAMED_OTHERWISE.get((name, operation.name), {})
    found = examples_of(name).operations[operation.name]
    return [replace(one, arguments=one.arguments | changes) for one in found]


def built(name: str, operation: str, arguments: dict[str, Any], prior: ProviderResponse | None = None) -> Action:
    return connector(name).gated(operation).build(examples_of(name).connection, arguments, prior)


def prior_answers(
    connection: ConnectionInfo, operation: GatedOperation[Any], one: Example
) -> dict[Wanted, ProviderResponse]:
    request = operation.prior_request(connection, operation.parse(one.arguments))
    return {} if request is None or one.prior is None else {Wanted(str(connection.id), request): one.prior}


# -- each operation ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "operation"), GATED, ids=_id)
def test_every_gated_operation_has_a_name_and_facts_of_their_types(name: str, operation: GatedOperation[Any]) -> None:
    named: set[str] = set()
    for one in examples(name, operation):
        action = operation.build(examples_of(name).connection, one.arguments, one.prior)
        answers = prior_answers(examples_of(name).connection, operation, one)
        about = record_facts(action, one.arguments, None, EVERYTHING, answers).facts
        for facts in (about, *action_facts(action, one.arguments, BASE_URL)):
            for fact, value in facts.items():
                read_value(value, CATALOGUE.fact(fact))  # raises for a fact or a value that is not what is declared
            named |= {facts["action.operation"]} if "action.operation" in facts else set()
    assert named <= set(CATALOGUE.operations)
    assert bool(named) == (operation.name not in UNNAMED)


@pytest.mark.parametrize(("name", "operation"), GATED, ids=_id)
def test_the_reads_it_names_are_reads(name: str, operation: GatedOperation[Any]) -> None:
    for one in examples(name, operation):
        action = operation.build(examples_of(name).connection, one.arguments, one.prior)
        assert not wanted_reads(action, one.arguments, None, frozenset(), {}), "nothing is needed"
        for wanted in wanted_reads(action, one.arguments, None, EVERYTHING, {}):
            assert connector(name).classify(wanted.request).access == "read"
            assert wanted.connection == action.connection


@pytest.mark.parametrize(("name", "operation"), GATED, ids=_id)
def test_the_docs_tell_its_name_and_its_facts(name: str, operation: GatedOperation[Any]) -> None:
    [row] = [line for line in DOCS.splitlines() if line.startswith(f"| {name} | `{operation.name}` |")]
    called, told = row.split("|")[3:5]
    assert (called.strip() == "none") == (operation.name in UNNAMED)
    for one in examples(name, operation):
        action = operation.build(examples_of(name).connection, one.arguments, one.prior)
        for facts in action_facts(action, one.arguments, BASE_URL):
            assert f"`{facts['action.operation']}`" in called
            for fact in facts.keys() - {"action.operation", *EVERY_ACTION}:
                assert f"`{fact}`" in told or "as `" in told, fact
    for word in re.findall(r"`([a-z]+\.[a-z_]+)`", called):
        assert word in CATALOGUE.operations or word == "events.cancel", word


leaves = (
    st.none() | st.booleans() | st.integers(-5, 99) | st.text(max_size=12) | st.lists(st.text(max_size=5), max_size=2)
)


@st.composite
def altered(draw: st.DrawFn, value: Any) -> Any:
    """JSON in which a few values are others, or gone."""
    if isinstance(value, dict):
        return {key: draw(altered(item)) for key, item in value.items() if draw(st.integers(0, 19))}
    if isinstance(value, list):
        return [draw(altered(item)) for item in value] * draw(st.sampled_from((1, 1, 1, 2)))
    return value if draw(st.integers(0, 9)) else draw(leaves)


def altered_answer(draw: Callable[[Any], Any], response: ProviderResponse) -> ProviderResponse:
    body = response.body_bytes()
    return answer(draw(altered(parse_json(body))), response.status) if body else response


@pytest.mark.parametrize(("name", "operation"), GATED, ids=_id)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_whatever_an_action_and_its_answers_are_like_its_facts_never_fail(
    name: str, operation: GatedOperation[Any], data: st.DataObject
) -> None:
    one = data.draw(st.sampled_from(examples(name, operation)))
    connection = examples_of(name).connection
    prior = None if one.prior is None else altered_answer(data.draw, one.prior)
    arguments = data.draw(altered(one.arguments))
    try:
        action = operation.build(connection, arguments, prior)
    except InvalidInput:
        arguments = one.arguments
        action = operation.build(connection, arguments, one.prior)
    bodies = [given.response for examples in examples_of(name).operations.values() for given in examples]
    answers = {
        wanted: altered_answer(data.draw, data.draw(st.sampled_from([*bodies, *([one.prior] if one.prior else [])])))
        for wanted in wanted_reads(action, arguments, None, EVERYTHING, {})
    }
    about = record_facts(action, arguments, None, EVERYTHING, answers).facts
    for facts in (about, *action_facts(action, arguments, BASE_URL)):
        assert facts.keys() <= CATALOGUE.facts.keys()
        assert readable(facts, CATALOGUE).keys() <= facts.keys()


# -- rules on each side of the line ------------------------------------------------------------------------------------


def verdict(
    rule: str,
    name: str,
    operation: str,
    arguments: dict[str, Any],
    prior: ProviderResponse | None = None,
    told: Callable[[PreparedRequest], ProviderResponse | None] = lambda _: None,
    base_url: str = BASE_URL,
) -> bool:
    """Whether the rule covers the action, with what the reads that it wants are answered by `told`."""
    form = compile_sentence(rule).form
    assert form is not None, compile_sentence(rule).problems
    needs = [need.fact for need in form_requirements(form, CATALOGUE)]
    needs += [fact for one in form.operations for fact, _ in one.arguments]
    needed = {*needs, *(fact.partition(".")[0] for fact in needs), form.target}
    action = built(name, operation, arguments, prior)
    answers: dict[Wanted, ProviderResponse] = {}
    for wanted in wanted_reads(action, arguments, None, needed, {}):
        if (seen := told(wanted.request)) is not None:
            answers[wanted] = seen
    about = readable(record_facts(action, arguments, None, needed, answers).facts, CATALOGUE) | NOW
    named = [readable(facts, CATALOGUE) for facts in action_facts(action, arguments, base_url)]
    return any(judge(form, about | facts, CATALOGUE).covered for facts in named)


def by_path(**answers: Any) -> Callable[[PreparedRequest], ProviderResponse | None]:
    """Answers by a word of the request's path; None for any other."""

    def told(request: PreparedRequest) -> ProviderResponse | None:
        found = [value for word, value in answers.items() if f"/{word}" in request.path]
        return answer(found[0]) if found else None

    return told


def channel(name: str) -> ProviderResponse:
    return answer({"ok": True, "channel": CHANNEL | {"name": name}})


def test_a_slack_message_goes_to_the_channel_of_that_name() -> None:
    post = {"channel": CHANNEL["id"], "text": "Signed!"}
    rule = "Post to the Slack channel #deals."
    assert verdict(rule, "slack", "messages.post", post, channel("deals"))
    assert not verdict(rule, "slack", "messages.post", post, channel("general"))


def test_a_direct_message_goes_to_the_person_of_that_address() -> None:
    rule = "Send Slack direct messages to ada@engine.example."
    direct = {"user": ADA["id"], "text": "Signed!"}
    prior = answer({"ok": True, "user": ADA})
    other = ADA | {"profile": {"email": "bo@engine.example"}}
    assert verdict(rule, "slack", "messages.direct", direct, prior, lambda _: prior)
    assert not verdict(rule, "slack", "messages.direct", direct, prior, lambda _: answer({"ok": True, "user": other}))
    assert not verdict(rule, "slack", "messages.direct", direct, prior), "the address was not read"


MEETINGS = "Schedule meetings of at most 30 minutes where every attendee is at engine.example."


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"end": "2026-03-03T09:31:00+01:00"}, False),
        ({"attendees": ["ada@engine.example", "eve@evil.example"]}, False),
        ({"attendees": []}, False),
        ({"start": "2026-03-03", "end": "2026-03-04", "time_zone": None}, False),
        ({"calendar": "team@acme.example"}, False),
    ],
)
def test_a_meeting_is_as_long_and_with_whom_the_rule_says(changes: dict[str, Any], covered: bool) -> None:
    event = CREATE | {"calendar": "primary"} | changes
    assert verdict(MEETINGS, "google_calendar", "events.create", event, NOT_THERE) is covered


def test_a_meeting_that_is_moved_keeps_the_guests_that_it_has() -> None:
    rule = "Reschedule meetings where every attendee is at engine.example."
    moved = {"id": EVENT["id"], "notify": "all"} | {
        "start": "2026-03-02T10:00:00+01:00",
        "end": "2026-03-02T10:30:00+01:00",
    }

    def told(**changes: Any) -> bool:
        event = answer(EVENT | changes)
        return verdict(rule, "google_calendar", "events.update", moved, event, lambda _: event)

    assert told()
    assert not told(attendees=[{"email": "eve@evil.example"}])
    assert not told(attendeesOmitted=True)
    assert not told(recurrence=["RRULE:FREQ=DAILY"])
    assert not verdict(rule, "google_calendar", "events.update", moved, answer(EVENT)), "its guests were not read"


def test_a_meeting_is_cancelled_by_when_it_is() -> None:
    rule = "Cancel meetings of at most 30 minutes."
    cancel = {"id": EVENT["id"], "notify": "all"}
    longer = answer(EVENT | {"end": {"dateTime": "2026-03-02T11:00:00+01:00"}})
    event = answer(EVENT)
    assert verdict(rule, "google_calendar", "events.cancel", cancel, event, lambda _: event)
    assert not verdict(rule, "google_calendar", "events.cancel", cancel, longer, lambda _: longer)
    assert not verdict(rule, "google_calendar", "events.cancel", cancel, event)


MAIL: dict[str, Any] = {"to": ["anna@example.com"], "subject": "Hello", "body": "Hello Anna", "key": "1"}


@pytest.mark.parametrize(("name", "operation"), [("gmail", "email.send"), ("gmail", "drafts.create")])
def test_a_mail_goes_to_nobody_else(name: str, operation: str) -> None:
    rule = "Send emails to anna@example.com via Gmail."
    if operation == "drafts.create":
        rule = 'Draft emails via Gmail where every recipient is "anna@example.com".'
    assert verdict(rule, name, operation, MAIL)
    assert not verdict(rule, name, operation, MAIL | {"cc": ["eve@example.com"]})
    assert not verdict(rule, name, operation, MAIL | {"to": ["eve@example.com"]})


def test_a_rule_about_one_mailbox_is_none_about_the_other() -> None:
    assert not verdict("Send emails to anna@example.com via Gmail.", "smtp", "email.send", MAIL)
    assert verdict("Send emails to anna@example.com via SMTP.", "smtp", "email.send", MAIL)


def test_a_salesforce_contact_is_changed_in_the_fields_named_alone() -> None:
    rule = "Update the phone of Salesforce contacts."
    number = "003Qy00000AbCdEIAV"

    def changes(kind: str, **fields: Any) -> bool:
        before = answer(record(kind, number, Name="Ada", **dict.fromkeys(fields, "before")))
        arguments = {"object": kind, "id": number, "fields": fields}
        return verdict(rule, "salesforce", "records.update", arguments, before, lambda _: before)

    assert changes("Contact", Phone="+44 20 7946 0000")
    assert not changes("Contact", Phone="+44 20 7946 0000", Email="eve@evil.example")
    assert not changes("Contact", OwnerId="005Qy00000AAAAAIA2")
    assert not changes("Lead", Phone="+44 20 7946 0000")


def test_other_objects_of_salesforce_go_by_their_own_names() -> None:
    number = "00QQy00000AbCdEIAV"
    before = answer(record("Lead", number, Name="Ada", LastModifiedDate="2026-01-01T00:00:00.000+0000"))
    delete = {"object": "Lead", "id": number}
    rule = 'Delete Salesforce records of type "{}".'
    assert verdict(rule.format("Lead"), "salesforce", "records.delete", delete, before)
    assert not verdict(rule.format("Case"), "salesforce", "records.delete", delete, before)


def test_an_opportunity_moves_from_the_stage_that_it_is_in() -> None:
    rule = 'Move Salesforce deals in stage "{}" to stage "Proposal".'
    move = {"id": OPPORTUNITY, "stage": "Proposal"}
    before = answer(record("Opportunity", OPPORTUNITY, Name="Pilot", StageName="Qualification"))
    assert verdict(rule.format("Qualification"), "salesforce", "opportunities.move_stage", move, before)
    assert not verdict(rule.format("Negotiation"), "salesforce", "opportunities.move_stage", move, before)
    other = move | {"stage": "Closed Won"}
    assert not verdict(rule.format("Qualification"), "salesforce", "opportunities.move_stage", other, before)


def test_the_facts_of_a_salesforce_record_are_those_of_its_read() -> None:
    rule = 'Update Salesforce contacts whose city is "London", created more than 30 days ago.'
    number = "003Qy00000AbCdEIAV"
    arguments = {"object": "Contact", "id": number, "fields": {"Title": "CTO"}}
    before = answer(record("Contact", number, Name="Ada", Title=None))

    def told(city: str | None, created: str = "2026-01-01T00:00:00.000+0000") -> bool:
        read = answer(record("Contact", number, Name="Ada", Title=None, MailingCity=city, CreatedDate=created))
        return verdict(rule, "salesforce", "records.update", arguments, before, lambda _: read)

    assert told("London")
    assert not told("Paris")
    assert not told(None)
    assert not told("London", "2026-02-27T00:00:00.000+0000")
    assert not verdict(rule, "salesforce", "records.update", arguments, before), "the record was not read"


def test_a_look_up_is_about_the_one_person_who_is_asked_for() -> None:
    rule = "Enrich contacts at engine.example via {}."
    for name, operation, wrap in (
        ("apollo", "people.enrich", lambda one: one),
        ("apollo", "people.bulk_enrich", lambda *people: {"people": list(people)}),
        ("zoominfo", "contacts.enrich", lambda *people: {"contacts": list(people)}),
    ):
        said = rule.format("Apollo" if name == "apollo" else "ZoomInfo")
        ask = cast(Callable[..., dict[str, Any]], wrap)
        assert verdict(said, name, operation, ask({"email": "ada@engine.example"})), operation
        assert not verdict(said, name, operation, ask({"email": "eve@evil.example"})), operation
        assert not verdict(said, name, operation, ask({"email": "ada@engine.example", "id": "51"})), operation
        if operation != "people.enrich":
            several = ask({"email": "ada@engine.example"}, {"email": "eve@evil.example"})
            assert not verdict(said, name, operation, several), operation
    private = {"email": "ada@engine.example", "reveal_personal_emails": True}
    assert not verdict(rule.format("Apollo"), "apollo", "people.enrich", private)


def test_a_look_up_asks_for_the_fields_named_alone() -> None:
    rule = "Enrich the phone of all contacts via ZoomInfo."
    people = [{"email": "ada@engine.example"}]
    assert verdict(rule, "zoominfo", "contacts.enrich", {"contacts": people, "fields": ["id", "phone"]})
    assert not verdict(rule, "zoominfo", "contacts.enrich", {"contacts": people, "fields": ["phone", "email"]})


SEQUENCES = {"emailer_campaigns": [{"id": SEQUENCE, "name": "Intro"}], "pagination": {"total_entries": 1}}


def test_an_apollo_contact_is_put_into_the_sequence_of_that_name() -> None:
    rule = 'Enrol all contacts at engine.example in the Apollo sequence "Intro".'
    enrol = {"id": APOLLO_CONTACT, "sequence_id": SEQUENCE, "send_from": "m1"}
    before = answer(contact())
    seen = by_path(contacts=contact(), emailer_campaigns=SEQUENCES)
    assert verdict(rule, "apollo", "contacts.add_to_sequence", enrol, before, seen)
    other = by_path(contacts=contact(), emailer_campaigns={"emailer_campaigns": [{"id": SEQUENCE, "name": "Nag"}]})
    assert not verdict(rule, "apollo", "contacts.add_to_sequence", enrol, before, other)
    assert not verdict(rule, "apollo", "contacts.add_to_sequence", enrol, before, by_path(contacts=contact()))
    eve = {"contact": contact()["contact"] | {"email": "eve@evil.example"}}
    assert not verdict(
        rule, "apollo", "contacts.add_to_sequence", enrol, before, by_path(contacts=eve, emailer_campaigns=SEQUENCES)
    )
    forced = enrol | {"even_if": ["unverified_email"]}
    assert not verdict(rule, "apollo", "contacts.add_to_sequence", forced, before, seen)


def test_an_apollo_contact_stays_on_the_lists_that_it_is_on() -> None:
    rule = 'Add all contacts to the Apollo list "Pilots".'
    before = answer(contact())
    labels = [{"id": LISTS[0], "name": "VIP", "modality": "contacts"}]
    seen = by_path(contacts=contact(), labels=labels)

    def added(*keep: str) -> bool:
        arguments = {"id": APOLLO_CONTACT, "add": ["Pilots"], "keep": list(keep)}
        return verdict(rule, "apollo", "contacts.add_to_list", arguments, before, seen)

    assert added("VIP")
    assert not added("Spam")
    none = {"contact": person(APOLLO_CONTACT, label_ids=[])}
    first = {"id": APOLLO_CONTACT, "add": ["Pilots"]}
    assert verdict(rule, "apollo", "contacts.add_to_list", first, answer(none), by_path(contacts=none))
    other = first | {"add": ["Others"]}
    assert not verdict(rule, "apollo", "contacts.add_to_list", other, answer(none), by_path(contacts=none))


@pytest.mark.parametrize("operation", ["prospects.enrol", "sequence_states.finish"])
def test_an_outreach_prospect_and_its_sequence_are_read(operation: str) -> None:
    rule = 'Enrol all contacts at engine.example in the Outreach sequence "Intro".'
    arguments, prior = {"id": "51", "sequence_id": "12", "mailbox_id": "3"}, answer(page())
    if operation == "sequence_states.finish":
        rule = 'Remove all contacts at engine.example from the Outreach sequence "Intro".'
        arguments, prior = {"id": "900"}, answer({"data": state()})
    sequences = page(resource("sequence", 12, {"name": "Intro"}), resource("sequence", 13, {"name": "Nag"}))
    renamed = page(resource("sequence", 12, {"name": "Nag"}), resource("sequence", 13, {"name": "Intro"}))
    seen = by_path(prospects={"data": PROSPECT}, sequences=sequences)
    assert verdict(rule, "outreach", operation, arguments, prior, seen)
    assert not verdict(
        rule, "outreach", operation, arguments, prior, by_path(prospects={"data": PROSPECT}, sequences=renamed)
    )
    assert not verdict(rule, "outreach", operation, arguments, prior, by_path(sequences=sequences))
    assert not verdict(rule, "outreach", operation, arguments, prior, by_path(prospects={"data": PROSPECT}))


def test_a_webhook_goes_to_the_host_that_the_owner_connected() -> None:
    rule = "Send webhooks to hooks.example.com."
    message = {"event": "deal.won", "data": {"host": "hooks.example.com"}, "key": "1"}
    assert verdict(rule, "webhook", "webhook.send", message)
    assert not verdict(rule, "webhook", "webhook.send", message, base_url="https://evil.example/hooks.example.com")
    assert not verdict(rule, "webhook", "webhook.send", message, base_url="")


# -- HubSpot -----------------------------------------------------------------------------------------------------------

VIP = {"id": "51", "properties": {"email": "ada@engine.example", "tags": "vip"}, "archived": False}
TASK = {"subject": "Call", "at": "2026-03-04T10:00:00Z", "contact_ids": ["51"]}


def test_a_task_is_due_when_the_rule_says() -> None:
    rule = "Create HubSpot tasks due within 7 days."
    assert verdict(rule, "hubspot", "tasks.create", TASK)
    assert not verdict(rule, "hubspot", "tasks.create", TASK | {"at": "2026-03-20T10:00:00Z"})


@pytest.mark.parametrize("operation", ["tasks.create", "notes.create", "deals.create"])
def test_what_hangs_on_one_record_is_about_that_record(operation: str) -> None:
    what, arguments = {
        "tasks.create": ("Create tasks for", TASK),
        "notes.create": ("Add notes to", {"body": "Met", "at": TASK["at"], "contact_ids": ["51"]}),
        "deals.create": (
            "Create deals for",
            {"properties": {"dealname": "Pilot", "dealstage": "qualifiedtobuy"}, "contact_ids": ["51"]},
        ),
    }[operation]
    rule = f'{what} contacts tagged "vip".'
    given = cast(dict[str, Any], arguments)
    assert verdict(rule, "hubspot", operation, given, told=lambda _: answer(VIP))
    plain = VIP | {"properties": {"email": "ada@engine.example", "tags": "event"}}
    assert not verdict(rule, "hubspot", operation, given, told=lambda _: answer(plain))
    assert not verdict(rule, "hubspot", operation, given), "the contact was not read"
    both = given | {"contact_ids": ["51", "52"]}
    assert not verdict(rule, "hubspot", operation, both, told=lambda _: answer(VIP))


@pytest.mark.parametrize("operation", ["lists.add", "lists.remove"])
def test_a_list_is_known_by_the_name_that_was_read(operation: str) -> None:
    adding = operation == "lists.add"
    rule = f'{"Add" if adding else "Remove"} contacts tagged "vip" {"to" if adding else "from"} the list "Pilots".'
    arguments = {"object": "contacts", "id": "51", "list_id": "12"}
    prior = answer({"results": [] if adding else [{"listId": "12"}]})

    def told(number: str, name: str) -> bool:
        found = {"list": {"listId": number, "name": name, "objectTypeId": "0-1", "processingType": "MANUAL"}}
        return verdict(rule, "hubspot", operation, arguments, prior, by_path(objects=VIP, lists=found))

    assert told("12", "Pilots")
    assert not told("12", "Customers")
    assert not told("13", "Pilots")
    assert not verdict(rule, "hubspot", operation, arguments, prior, by_path(objects=VIP))
