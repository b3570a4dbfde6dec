"""The value shown as "before": read exactly, of the right record, and found again after an edit."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS
from coco.errors import InvalidInput
from tests.connectors.samples import ADA, CRM, answer, record

FULL: dict[str, str | None] = {**dict.fromkeys(CONTACTS.read_along), **ADA}
CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("contacts.update", {"id": "51", "properties": {"jobtitle": "CTO"}}),
    ("contacts.archive", {"id": "51"}),
    ("deals.update", {"id": "51", "properties": {"amount": "1"}}),
    ("deals.move_stage", {"id": "51", "stage": "closedwon"}),
    ("deals.archive", {"id": "51"}),
    ("companies.update", {"id": "51", "properties": {"city": "Rome"}}),
]


@pytest.mark.parametrize(("name", "arguments"), CHANGES)
def test_the_prior_is_read_by_a_read_of_the_manifest(name: str, arguments: dict[str, Any]) -> None:
    operation = HUBSPOT.gated(name)
    request = operation.prior_request(CRM, operation.parse(arguments))
    assert request is not None
    assert HUBSPOT.classify(request).access == "read"
    assert "archived=false" in request.target
    asked = request.target.partition("properties=")[2].partition("&")[0].split(",")
    assert asked == sorted(set(asked))


@pytest.mark.parametrize(("name", "arguments"), CHANGES)
@pytest.mark.parametrize(
    "response",
    [answer({"message": "resource not found"}, 404), record("51", FULL, archived=True)],
    ids=["gone", "archived"],
)
def test_a_record_that_is_not_there_cannot_be_changed(name: str, arguments: dict[str, Any], response: Any) -> None:
    with pytest.raises(InvalidInput, match="there is no"):
        HUBSPOT.gated(name).build(CRM, arguments, response)


@pytest.mark.parametrize(("name", "arguments"), CHANGES)
def test_no_value_read_no_action(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="not read"):
        HUBSPOT.gated(name).build(CRM, arguments, None)


@pytest.mark.parametrize("status", [401, 429, 500])
def test_an_error_is_not_an_empty_record(status: int) -> None:
    with pytest.raises(InvalidInput, match=str(status)):
        HUBSPOT.gated("contacts.update").build(
            CRM, {"id": "51", "properties": {"city": "x"}}, answer({"message": "no"}, status)
        )


def test_an_edit_to_another_common_field_finds_its_prior_in_the_same_response() -> None:
    operation = HUBSPOT.gated("contacts.update")
    edited = operation.build(CRM, {"id": "51", "properties": {"lastname": "Byron"}}, record("51", FULL))
    assert edited.prior is not None
    assert edited.prior.value == {"lastname": "Lovelace"}
    archived = HUBSPOT.gated("contacts.archive").build(CRM, {"id": "51"}, record("51", FULL))
    assert archived.prior is not None
    assert archived.prior.value == FULL


def test_an_edit_to_another_record_needs_its_own_read() -> None:
    with pytest.raises(InvalidInput, match="is of record 51, not of 52"):
        HUBSPOT.gated("contacts.update").build(CRM, {"id": "52", "properties": {"city": "x"}}, record("51", FULL))


def test_a_contact_does_not_pass_for_a_company_of_the_same_id() -> None:
    with pytest.raises(InvalidInput, match="does not show"):
        HUBSPOT.gated("companies.update").build(CRM, {"id": "51", "properties": {"city": "x"}}, record("51", FULL))


def test_a_field_that_was_not_read_is_not_taken_as_empty() -> None:
    with pytest.raises(InvalidInput, match="does not show shoe_size"):
        HUBSPOT.gated("contacts.update").build(CRM, {"id": "51", "properties": {"shoe_size": "44"}}, record("51", FULL))


def test_unset_and_empty_are_one_value() -> None:
    operation = HUBSPOT.gated("contacts.update")
    arguments = operation.parse({"id": "51", "properties": {"city": "Rome"}})
    assert operation.prior(arguments, record("51", {**FULL, "city": ""})) == {"city": None}
    assert operation.prior(arguments, record("51", {**FULL, "city": None})) == {"city": None}


def test_read_back_settles_only_what_it_shows() -> None:
    update = HUBSPOT.gated("contacts.update")
    arguments = update.parse({"id": "51", "properties": {"jobtitle": "CTO", "email": "Ada@Engine.example"}})
    assert update.applied(arguments, {"jobtitle": "CTO", "email": "ada@engine.example"}) is True
    assert update.applied(arguments, {"jobtitle": "Analyst", "email": "ada@engine.example"}) is None
    assert update.applied(arguments, None) is None
    move = HUBSPOT.gated("deals.move_stage")
    assert move.applied(move.parse({"id": "1", "stage": "closedwon"}), {"dealstage": "closedwon"}) is True
    assert move.applied(move.parse({"id": "1", "stage": "closedwon"}), {"dealstage": "contractsent"}) is None
    archive = HUBSPOT.gated("deals.archive")
    assert archive.applied(archive.parse({"id": "1"}), None) is True
    assert archive.applied(archive.parse({"id": "1"}), {"dealname": "x"}) is None
    create = HUBSPOT.gated("contacts.create")
    assert create.applied(create.parse({"properties": {"email": "a@b.example"}}), None) is None


def test_the_log_keeps_id_time_and_link() -> None:
    update = HUBSPOT.gated("contacts.update")
    arguments = update.parse({"id": "51", "properties": {"jobtitle": "CTO"}})
    kept = update.result(arguments, record("51", ADA, url="https://app.example/51"))
    assert kept == {"id": "51", "updatedAt": "2026-01-02T00:00:00Z", "url": "https://app.example/51"}
    assert "url" not in update.result(arguments, record("51", ADA, url="javascript:alert(1)"))
    assert update.result(arguments, answer([], 200)) == {"id": "51"}
    with pytest.raises(InvalidInput):
        update.result(arguments, answer({}, 500))


def test_defaults_cover_the_identifying_properties() -> None:
    for kind in (CONTACTS, DEALS, COMPANIES):
        assert set(kind.identifying) <= set(kind.read_along)
        assert list(kind.read_along) == sorted(kind.read_along)
