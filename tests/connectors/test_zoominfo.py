"""ZoomInfo: pages, prices per record, and what a look-up found."""

from __future__ import annotations

import re
from typing import Any

import pytest

from activities.connectors.zoominfo import ZOOMINFO
from coco.canonical import parse_json
from coco.errors import InvalidInput
from tests.connectors.examples import answer, examples_of
from tests.connectors.examples.zoominfo import ADA, found

ACCOUNT = examples_of("zoominfo").connection
ENRICH = ZOOMINFO.gated("contacts.enrich")


def test_a_search_asks_for_what_was_given_and_nothing_else() -> None:
    read = ZOOMINFO.read("contacts.lookup")
    request = read.request(ACCOUNT, read.parse({"full_name": "Ada Lovelace", "limit": 10, "after": "3"}))
    assert parse_json(request.body) == {"fullName": "Ada Lovelace", "page": 3, "rpp": 10}


def test_pages() -> None:
    read = ZOOMINFO.read("contacts.lookup")
    page = {"maxResults": 25, "totalResults": 60, "currentPage": 2, "data": [{"id": 5, "firstName": "Ada"}]}
    facts = read.facts(read.parse({"after": "2"}), answer(page))
    assert facts == {"results": [{"id": "5", "firstName": "Ada"}], "after": "3", "total": 60}
    assert read.facts(read.parse({"after": "3"}), answer(page))["after"] is None
    assert read.facts(read.parse({}), answer({**page, "data": []}))["after"] is None
    with pytest.raises(InvalidInput):
        read.facts(read.parse({}), answer({**page, "data": [{"id": "five"}]}))


def test_each_record_has_its_price() -> None:
    people = [{"email": f"p{i}@engine.example"} for i in range(25)]
    action = ENRICH.build(ACCOUNT, {"contacts": people}, None)
    assert action.credits == 25 * ENRICH.credits
    assert parse_json(action.request.body)["matchPersonInput"][0] == {"emailAddress": "p0@engine.example"}
    assert "up to 25 of your ZoomInfo credits" in action.preview.summary
    with pytest.raises(InvalidInput):
        ENRICH.parse({"contacts": [*people, {"email": "p25@engine.example"}]})


@pytest.mark.parametrize(
    "who", [{}, {"first_name": "Ada", "last_name": "Lovelace"}, {"last_name": "Lovelace", "company_name": "Engine"}]
)
def test_somebody_who_might_be_somebody_else_is_not_looked_up(who: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=re.escape("contacts.enrich")):
        ENRICH.parse({"contacts": [who]})


def test_what_was_found_is_kept_in_order() -> None:
    parsed = ENRICH.parse({"contacts": [{"email": "nobody@engine.example"}, {"id": "1584305636"}]})
    kept = ENRICH.result(parsed, answer(found(None, ADA)))
    assert kept["found"] == 1
    assert kept["records"][0] == {}
    assert kept["records"][1]["email"] == "ada@engine.example"
    assert kept["records"][1]["id"] == "1584305636"


def test_a_failure_with_status_200_is_one() -> None:
    refused = answer({"success": False, "statusCode": 400, "error": "OutputFields invalid or disallowed."})
    assert ENRICH.succeeded(refused) is False
    assert ENRICH.succeeded(answer(found(ADA))) is True
