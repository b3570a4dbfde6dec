"""Facts come from answers that are what the provider promises, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.hubspot import HUBSPOT
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from tests.connectors.samples import ADA, answer


def test_a_page() -> None:
    entry = {"id": "1", "properties": ADA, "archived": False, "associations": {"companies": {"results": [{"id": "7"}]}}}
    read = HUBSPOT.read("contacts.list")
    facts = read.facts(read.parse({}), answer({"results": [entry], "paging": {"next": {"after": "2"}}}))
    assert facts["after"] == "2"
    assert facts["total"] is None
    [only] = facts["results"]
    assert (only["id"], only["associations"]) == ("1", {"companies": ["7"]})
    assert only["properties"] == ADA


def test_the_last_page_has_no_cursor() -> None:
    read = HUBSPOT.read("deals.search")
    assert read.facts(read.parse({}), answer({"total": 0, "results": []})) == {"results": [], "after": None, "total": 0}


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"results": {}},
        {"results": [{"properties": {}}]},
        {"results": [{"id": 1, "properties": {}}]},
        {"results": [{"id": "1", "properties": {"a": 5}}]},
        {"results": [{"id": "1", "properties": {}, "associations": {"deals": {"results": [{"x": 1}]}}}]},
    ],
)
def test_a_page_that_is_none(value: Any) -> None:
    read = HUBSPOT.read("contacts.search")
    with pytest.raises(InvalidInput):
        read.facts(read.parse({}), answer(value))


@pytest.mark.parametrize("body", [b"<html>", b'{"results": [], "results": []}', b'{"results": NaN}', b"\xff"])
def test_a_body_that_is_not_strict_json(body: bytes) -> None:
    read = HUBSPOT.read("contacts.search")
    with pytest.raises(InvalidInput):
        read.facts(read.parse({}), ProviderResponse.of(200, [], body))
