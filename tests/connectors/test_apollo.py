"""Apollo: pages, what costs its credits, lists that are replaced, contacts that are skipped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from activities.connectors.apollo import APOLLO
from coco.canonical import parse_json
from coco.errors import InvalidInput
from tests.connectors.examples import answer, examples_of
from tests.connectors.examples.apollo import CONTACT, LISTS, PAGING, SEQUENCE, contact, person

KEY = examples_of("apollo").connection


def test_pages_are_followed_to_the_last_and_no_further() -> None:
    search = APOLLO.read("contacts.search")
    page = {"pagination": PAGING, "contacts": [person(CONTACT)]}
    first = search.facts(search.parse({}), answer(page))
    assert (first["after"], first["total"]) == ("2", 60)
    body = parse_json(search.request(KEY, search.parse({"after": "2", "limit": 25})).body)
    assert body == {"page": 2, "per_page": 25}
    last = search.facts(search.parse({"after": "3"}), answer(page))
    assert last["after"] is None
    empty = search.facts(search.parse({"after": "2"}), answer({**page, "contacts": []}))
    assert empty["after"] is None


def test_pages_without_a_count_of_pages() -> None:
    find = APOLLO.read("people.find")
    told = answer({"total_entries": 51, "people": [person()]})
    assert find.facts(find.parse({"after": "2"}), told)["after"] == "3"
    assert find.facts(find.parse({"after": "3"}), told)["after"] is None


def test_what_is_found_is_told_in_one_form() -> None:
    search = APOLLO.read("people.search")
    facts = search.facts(search.parse({}), answer({"pagination": PAGING, "people": [person()], "contacts": []}))
    assert facts["results"] == [
        {
            "id": "64a7ff0cc4dfae00013df1a5",
            "first_name": "Ada",
            "last_name": "Lovelace",
            "name": "Ada Lovelace",
            "title": "Analyst",
            "email": "ada@engine.example",
            "email_status": "verified",
            "organization": {"id": "5e66b6381e05b4008c8331b8", "name": "Engine", "employees": 12},
        }
    ]


def test_ten_people_cost_ten_times_one_and_no_more_are_taken() -> None:
    bulk = APOLLO.gated("people.bulk_enrich")
    people = [{"email": f"p{i}@engine.example"} for i in range(10)]
    action = bulk.build(KEY, {"people": people}, None)
    assert action.credits == 10 * APOLLO.gated("people.enrich").credits
    assert parse_json(action.request.body) == {"details": people, "reveal_personal_emails": False}
    assert "and 8 more" in action.preview.summary
    with pytest.raises(InvalidInput, match=r"people\.bulk_enrich"):
        bulk.parse({"people": [*people, {"email": "p10@engine.example"}]})


@pytest.mark.parametrize("who", [{}, {"name": "Ada Lovelace"}, {"domain": "engine.example"}, {"email": "ada"}])
def test_somebody_who_might_be_somebody_else_is_not_looked_up(who: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=re.escape("people.enrich")):
        APOLLO.gated("people.enrich").parse(who)


def test_what_a_look_up_found_is_kept() -> None:
    bulk = APOLLO.gated("people.bulk_enrich")
    parsed = bulk.parse({"people": [{"email": "a@engine.example"}, {"email": "b@engine.example"}]})
    kept = bulk.result(parsed, answer({"matches": [None, person(email="\0ada@engine.example")], "credits_consumed": 1}))
    assert kept["apollo_credits"] == 1
    assert kept["found"] == 1
    assert kept["people"][0] == {}
    assert kept["people"][1]["email"] == "ada@engine.example"
    enrich = APOLLO.gated("people.enrich")
    nobody = enrich.result(enrich.parse({"email": "a@engine.example"}), answer({"person": None}))
    assert nobody == {"found": False}


def test_every_list_that_stays_has_to_be_named() -> None:
    add = APOLLO.gated("contacts.add_to_list")
    read = answer(contact())
    action = add.build(KEY, {"id": CONTACT, "add": ["Q4"], "keep": ["Pilots"]}, read)
    assert parse_json(action.request.body) == {"label_names": ["Pilots", "Q4"]} == action.preview.after
    assert action.preview.before == {"label_ids": LISTS}
    for keep in ([], ["Pilots", "Other"]):
        with pytest.raises(InvalidInput, match="is on 1 lists"):
            add.build(KEY, {"id": CONTACT, "add": ["Q4"], "keep": keep}, read)
    with pytest.raises(InvalidInput, match="named twice"):
        add.parse({"id": CONTACT, "add": ["Pilots"], "keep": ["pilots"]})


def test_a_sequence_is_read_back() -> None:
    add, stop = APOLLO.gated("contacts.add_to_sequence"), APOLLO.gated("contacts.stop_sequence")
    adding = add.parse({"id": CONTACT, "sequence_id": SEQUENCE, "send_from": "m1"})
    assert add.applied(adding, {"sequence_ids": [SEQUENCE]}) is True
    assert add.applied(adding, {"sequence_ids": []}) is None
    inside = answer({"contact": {**contact()["contact"], "emailer_campaign_ids": [SEQUENCE]}})
    with pytest.raises(InvalidInput, match="already"):
        add.build(KEY, adding.model_dump(), inside)
    with pytest.raises(InvalidInput, match="not in sequence"):
        stop.build(KEY, {"id": CONTACT, "sequence_id": SEQUENCE}, answer(contact()))
    stopping = stop.parse({"id": CONTACT, "sequence_id": SEQUENCE})
    assert stop.applied(stopping, {"sequence_ids": []}) is True
    assert stop.applied(stopping, {"sequence_ids": [SEQUENCE]}) is None


@pytest.mark.parametrize(
    ("skipped", "succeeded"), [({CONTACT: "contacts_active_in_other_campaigns"}, False), ([CONTACT], False), ({}, True)]
)
def test_a_contact_that_was_skipped_was_not_added(skipped: Any, succeeded: bool) -> None:
    add = APOLLO.gated("contacts.add_to_sequence")
    assert add.succeeded(answer({"contacts": [], "skipped_contact_ids": skipped})) is succeeded


def test_another_contact_is_not_taken_for_this_one() -> None:
    other = answer({"contact": {**contact()["contact"], "id": "other"}})
    with pytest.raises(InvalidInput, match="is of contact other"):
        APOLLO.gated("contacts.add_to_list").build(KEY, {"id": CONTACT, "add": ["Q4"], "keep": ["Pilots"]}, other)
    gone = answer({"error": "Contact not found"}, 404)
    with pytest.raises(InvalidInput, match="there is no contact"):
        APOLLO.gated("contacts.add_to_list").build(KEY, {"id": CONTACT, "add": ["Q4"]}, gone)
