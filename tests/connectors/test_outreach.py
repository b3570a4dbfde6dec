"""Outreach: JSON:API as it asks for it, pages, and who is in a sequence already."""

from __future__ import annotations

from typing import Any

import pytest

from activities.connectors.outreach import OUTREACH
from activities.connectors.outreach.wire import MEDIA_TYPE
from coco.canonical import parse_json
from coco.errors import InvalidInput
from tests.connectors.examples import answer, examples_of
from tests.connectors.examples.outreach import NEXT, PROSPECT, page, resource, state

ACCOUNT = examples_of("outreach").connection
ENROL = OUTREACH.gated("prospects.enrol")
WANTED = {"id": "51", "sequence_id": "12", "mailbox_id": "3"}


def test_filters_and_pages_are_spelled_as_outreach_names_them() -> None:
    read = OUTREACH.read("prospects.list")
    request = read.request(ACCOUNT, read.parse({"emails": ["a@x.example", "b@x.example"], "limit": 5}))
    assert request.target == ("/prospects?filter%5Bemails%5D=a%40x.example,b%40x.example&count=true&page%5Bsize%5D=5")
    assert dict(request.headers) == {"accept": MEDIA_TYPE, "content-type": MEDIA_TYPE}
    facts = read.facts(read.parse({}), answer(page(PROSPECT, following=NEXT)))
    assert facts["after"] == "eyJpZCI6NTF9="
    assert facts["results"][0]["id"] == "51"
    assert facts["results"][0]["related"] == {"owner": "7"}
    following = read.request(ACCOUNT, read.parse({"after": facts["after"]}))
    assert following.target.endswith("&page%5Bafter%5D=eyJpZCI6NTF9%3D")
    assert read.facts(read.parse({}), answer(page(PROSPECT)))["after"] is None


@pytest.mark.parametrize(
    "following", ["", "https://x.example/", "https://[", 5, "?page[after]=", "?page[after]=a&page[after]=b"]
)
def test_a_next_page_that_is_nowhere(following: Any) -> None:
    read = OUTREACH.read("prospects.list")
    broken = {**page(PROSPECT), "links": {"next": following}}
    with pytest.raises(InvalidInput):
        read.facts(read.parse({}), answer(broken))


@pytest.mark.parametrize("text", ["a,b", "1..9", "__null__"])
def test_a_filter_is_one_value(text: str) -> None:
    with pytest.raises(InvalidInput):
        OUTREACH.read("sequences.list").parse({"name": text})


def test_enrolling() -> None:
    action = ENROL.build(ACCOUNT, WANTED, answer(page()))
    assert parse_json(action.request.body) == {
        "data": {
            "type": "sequenceState",
            "relationships": {
                "prospect": {"data": {"type": "prospect", "id": 51}},
                "sequence": {"data": {"type": "sequence", "id": 12}},
                "mailbox": {"data": {"type": "mailbox", "id": 3}},
            },
        }
    }
    assert action.prior is not None
    assert action.prior.value == {"sequence_state_id": None, "state": None}
    kept = ENROL.result(ENROL.parse(WANTED), answer({"data": state(901)}, 201))
    assert kept == {"id": "901", "url": "https://web.outreach.io/prospects/51"}


def test_the_last_time_counts_and_one_that_goes_on_before_all() -> None:
    again = ENROL.build(ACCOUNT, WANTED, answer(page(state(1000, "finished"), state(999, "bounced"))))
    assert again.preview.before == {"sequence_state_id": "1000", "state": "finished"}
    for told in ("active", "paused", "pending"):
        with pytest.raises(InvalidInput, match="already"):
            ENROL.build(ACCOUNT, WANTED, answer(page(state(900, told), state(1000, "finished"))))


def test_another_prospects_states_are_not_taken_for_this_ones() -> None:
    other = resource("sequenceState", 900, {"state": "finished"}, prospect=52, sequence=12)
    with pytest.raises(InvalidInput, match="another prospect"):
        ENROL.build(ACCOUNT, WANTED, answer(page(other)))
    finish = OUTREACH.gated("sequence_states.finish")
    with pytest.raises(InvalidInput, match="is of sequenceState 901"):
        finish.build(ACCOUNT, {"id": "900"}, answer({"data": state(901)}))


def test_read_back() -> None:
    parsed = ENROL.parse(WANTED)
    assert ENROL.applied(parsed, ENROL.prior(parsed, answer(page(state())))) is True
    assert ENROL.applied(parsed, ENROL.prior(parsed, answer(page(state(told="finished"))))) is None
    assert ENROL.applied(parsed, ENROL.prior(parsed, answer(page()))) is None
    finish = OUTREACH.gated("sequence_states.finish")
    ending = finish.parse({"id": "900"})
    assert finish.applied(ending, finish.prior(ending, answer({"data": state(told="finished")}))) is True
    assert finish.applied(ending, finish.prior(ending, answer({"data": state()}))) is None


def test_what_has_ended_is_not_finished_again() -> None:
    finish = OUTREACH.gated("sequence_states.finish")
    with pytest.raises(InvalidInput, match="ended already"):
        finish.build(ACCOUNT, {"id": "900"}, answer({"data": state(told="finished")}))
    gone = answer({"errors": [{"id": "resourceNotFound", "title": "Resource Not Found"}]}, 404)
    with pytest.raises(InvalidInput, match="there is no sequence state"):
        finish.build(ACCOUNT, {"id": "900"}, gone)
