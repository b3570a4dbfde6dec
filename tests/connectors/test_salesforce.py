"""Salesforce: queries that only read, records that are the ones asked for, values with their types."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.connectors.salesforce import SALESFORCE, soql
from coco.canonical import parse_json
from coco.errors import Code, InvalidInput, Refused
from coco.requests import PreparedRequest
from tests.connectors.examples import answer, examples_of
from tests.connectors.examples.salesforce import ACCOUNT, OPPORTUNITY, record
from tests.connectors.samples import thorough

ORG = examples_of("salesforce").connection
QUERY = SALESFORCE.read("records.query")
UPDATE = SALESFORCE.gated("records.update")


def _asked(arguments: dict[str, Any]) -> str:
    target = QUERY.request(ORG, QUERY.parse(arguments)).target
    return unquote(target.partition("?q=")[2])


def _read_back(text: str) -> str:
    """What SOQL makes of a text between quotes."""
    marks = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
    return re.sub(r"\\(.)", lambda found: marks.get(found.group(1), found.group(1)), text, flags=re.DOTALL)


def test_a_query_of_parts() -> None:
    asked = _asked(
        {
            "object": "Contact",
            "fields": ["Name", "Account.Name"],
            "where": [
                {"field": "Email", "operator": "=", "value": "o'brien@x.example"},
                {"field": "Level__c", "operator": ">", "value": 2},
                {"field": "Title", "operator": "=", "value": None},
                {"field": "CreatedDate", "operator": "<", "moment": "2026-01-01"},
                {"field": "Type", "operator": "NOT IN", "values": ["a", "b\\"]},
            ],
            "order_by": "Name",
            "descending": True,
            "limit": 5,
        }
    )
    assert asked == (
        "SELECT Id, Name, Account.Name FROM Contact WHERE Email = 'o\\'brien@x.example' AND Level__c > 2 AND "
        "Title = null AND CreatedDate < 2026-01-01 AND Type NOT IN ('a', 'b\\\\') ORDER BY Name DESC NULLS LAST LIMIT 5"
    )


@thorough
@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=50))
def test_no_value_leaves_its_quotes(value: str) -> None:
    asked = _asked(
        {"object": "Lead", "fields": ["Name"], "where": [{"field": "Name", "operator": "=", "value": value}]}
    )
    found = re.fullmatch(r"SELECT Id, Name FROM Lead WHERE Name = '((?:[^'\\]|\\.)*)'", asked, re.DOTALL)
    assert found is not None
    assert _read_back(found.group(1)) == value
    assert soql.why_not_a_read(asked) is None


MORE_THAN_READING = [
    "SELECT Id FROM Account FOR VIEW",
    "SELECT Id FROM Account for  reference",
    "SELECT Id FROM Account FOR\nUPDATE",
    "SELECT Title FROM FAQ__kav UPDATE VIEWSTAT",
    "SELECT Id FROM Account WHERE Name = 'a\\' FOR VIEW",
    "SELECT Id FROM Account FOR\u00a0VIEW",
    "DELETE FROM Account",
    "",
]


@pytest.mark.parametrize("text", MORE_THAN_READING)
def test_a_query_that_does_more_than_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        QUERY.parse({"soql": text})


@pytest.mark.parametrize("spelled", [quote, lambda text: quote(text).replace("%20", "+")])
@pytest.mark.parametrize("text", MORE_THAN_READING)
def test_the_gateway_refuses_it_as_well(text: str, spelled: Any) -> None:
    """However it is made: the manifest looks into the query itself."""
    for query in (f"q={spelled(text)}", f"q=SELECT%20Id%20FROM%20Lead&q={spelled(text)}"):
        request = PreparedRequest(protocol="http", method="GET", target=f"/services/data/v60.0/query?{query}")
        with pytest.raises(Refused) as refusal:
            SALESFORCE.classify(request)
        assert refusal.value.code is Code.NOT_IN_MANIFEST


@pytest.mark.parametrize(
    "target",
    [
        "/services/data/v60.0/query/01gQy-2000?q=SELECT%20Id%20FROM%20Account%20FOR%20VIEW",
        "/services/data/v60.0/queryAll?q=SELECT%20Id%20FROM%20Lead",
        "/services/data/v60.0/composite/sobjects/Account",
        "/services/apexrest/anything",
    ],
)
def test_other_paths_are_refused(target: str) -> None:
    with pytest.raises(Refused):
        SALESFORCE.classify(PreparedRequest(protocol="http", method="GET", target=target))


def test_pages() -> None:
    first = {
        "totalSize": 2,
        "done": False,
        "nextRecordsUrl": "/services/data/v60.0/query/01gQy00000AaBbC-2000",
        "records": [record("Lead", "00QQy00000AbCdEIAV", Name="A", Owner=record("User", "005", Name="Bo"))],
    }
    page = QUERY.facts(QUERY.parse({"soql": "SELECT Id FROM Lead"}), answer(first))
    assert page["after"] == "01gQy00000AaBbC-2000"
    assert page["results"] == [
        {"id": "00QQy00000AbCdEIAV", "type": "Lead", "fields": {"Name": "A", "Owner": {"Id": "005", "Name": "Bo"}}}
    ]
    following = QUERY.request(ORG, QUERY.parse({"after": page["after"]}))
    assert following.target == first["nextRecordsUrl"]
    with pytest.raises(InvalidInput, match="where they are"):
        QUERY.facts(QUERY.parse({"after": "x"}), answer({**first, "nextRecordsUrl": "https://evil.example/query/x"}))


def test_a_change_reads_what_it_changes_and_keeps_types() -> None:
    arguments = {"object": "Account", "id": ACCOUNT, "fields": {"Active__c": True, "Score__c": 2.5, "Phone": ""}}
    asked = UPDATE.prior_request(ORG, UPDATE.parse(arguments))
    assert asked is not None
    assert asked.target.endswith(f"/sobjects/Account/{ACCOUNT}?fields=Active__c,Id,Name,Phone,Score__c")
    before = record("Account", ACCOUNT, Name="Engine", Active__c=False, Score__c=None, Phone="1")
    action = UPDATE.build(ORG, arguments, answer(before))
    assert parse_json(action.request.body) == arguments["fields"] == action.preview.after
    assert action.preview.before == {"Active__c": False, "Score__c": None, "Phone": "1"}
    assert action.preview.record == f"Engine (Account {ACCOUNT})"


@pytest.mark.parametrize(
    "other",
    [
        record("Account", "001Qy00000ZZZZZIAV", Name="Other", Phone="1"),
        record("Contact", ACCOUNT, Name="Other", Phone="1"),
        record("Account", ACCOUNT, Name="Engine"),
    ],
)
def test_another_record_is_not_taken_for_this_one(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        UPDATE.build(ORG, {"object": "Account", "id": ACCOUNT, "fields": {"Phone": "2"}}, answer(other))


def test_a_short_id_is_the_same_record() -> None:
    arguments = {"object": "Account", "id": ACCOUNT[:15], "fields": {"Phone": "2"}}
    action = UPDATE.build(ORG, arguments, answer(record("Account", ACCOUNT, Name="Engine", Phone="1")))
    assert action.preview.before == {"Phone": "1"}


def test_what_is_gone_cannot_be_changed() -> None:
    gone = answer([{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}], 404)
    with pytest.raises(InvalidInput, match="there is no Account"):
        UPDATE.build(ORG, {"object": "Account", "id": ACCOUNT, "fields": {"Phone": "2"}}, gone)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("records.update", {"object": "Opportunity", "id": OPPORTUNITY, "fields": {"StageName": "Closed Won"}}),
        ("records.update", {"object": "opportunity", "id": OPPORTUNITY, "fields": {"stagename": "Closed Won"}}),
        ("records.update", {"object": "Account", "id": ACCOUNT, "fields": {"CreatedDate": "2026-01-01"}}),
        ("records.update", {"object": "Account", "id": ACCOUNT, "fields": {"Phone": "1", "phone": "2"}}),
        ("records.update", {"object": "Account", "id": ACCOUNT, "fields": {"Phone": ["1"]}}),
        ("records.update", {"object": "Account", "id": ACCOUNT, "fields": {}}),
        ("records.create", {"object": "Account/../Lead", "fields": {"Name": "x"}}),
        ("records.query", {"object": "Account", "fields": ["Name FROM Lead"]}),
        ("records.query", {"object": "Account", "fields": ["Name"], "soql": "SELECT Id FROM Lead"}),
        (
            "records.query",
            {"object": "Lead", "fields": ["Id"], "where": [{"field": "A", "operator": "IN", "value": "x"}]},
        ),
        ("records.query", {}),
    ],
)
def test_refused_with_the_operation_named(name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=re.escape(name)):
        SALESFORCE.operations[name].parse(arguments)


def test_read_back_settles_only_what_it_shows() -> None:
    arguments = UPDATE.parse(
        {"object": "Account", "id": ACCOUNT, "fields": {"Phone": " 2 ", "Score__c": 5, "A__c": ""}}
    )
    assert UPDATE.applied(arguments, {"Phone": "2", "Score__c": 5.0, "A__c": None}) is True
    assert UPDATE.applied(arguments, {"Phone": "1", "Score__c": 5.0, "A__c": None}) is None
    assert UPDATE.applied(arguments, None) is None
    delete = SALESFORCE.gated("records.delete")
    assert delete.applied(delete.parse({"object": "Account", "id": ACCOUNT}), None) is True
    move = SALESFORCE.gated("opportunities.move_stage")
    parsed = move.parse({"id": OPPORTUNITY, "stage": "Closed Won"})
    assert move.applied(parsed, {"StageName": "Closed Won"}) is True
    assert move.applied(parsed, {"StageName": "Prospecting"}) is None


def test_a_creation_that_reports_failure_with_201_has_failed() -> None:
    create = SALESFORCE.gated("records.create")
    assert create.succeeded(answer({"success": False, "errors": [{"message": "no"}]}, 201)) is False
    kept = create.result(
        create.parse({"object": "Lead", "fields": {"LastName": "x"}}), answer({"id": ACCOUNT, "success": True}, 201)
    )
    assert kept == {"id": ACCOUNT, "url": f"https://login.salesforce.com/{ACCOUNT}"}
