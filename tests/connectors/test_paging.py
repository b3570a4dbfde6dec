"""Pages of every connector: what a provider says of the next one leads nowhere but to that operation's next page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from activities.connectors.base import ReadOperation
from activities.connectors.paging import check_following
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from tests.connectors.conformance import Case, case_id, cases, leaves, replaced
from tests.connectors.examples import Example, answer, examples_of

PAGED = [
    case
    for case in cases()
    if isinstance(case.operation, ReadOperation) and "after" in case.operation.arguments.model_fields
]
ELSEWHERE = "https://elsewhere.example/services/data/v60.0/query/01gXX-2000?page[after]=AA&page%5Bafter%5D=BB"
HOSTILE: tuple[Any, ...] = (
    ELSEWHERE,
    "//elsewhere.example/crm",
    "http://169.254.169.254/latest/meta-data?page[after]=1",
    "../../../oauth/token",
    "/services/data/v60.0/query/../../../../etc",
    "\r\nhost: elsewhere.example\r\n\r\n",
    "1&limit=999999&after=2",
    "#",
    "é\u2028\0",
    "9" * 100_000,
    "a" * 100_000,
    -1,
    10**30,
    1.5,
    True,
    [ELSEWHERE],
    {"after": ELSEWHERE},
)
each_paged = pytest.mark.parametrize("case", PAGED, ids=case_id)


def follows(case: Case, example: Example) -> str | None:
    operation = case.operation
    assert isinstance(operation, ReadOperation)
    return operation.facts(operation.parse(example.arguments), example.response).get("after")


def first(case: Case, example: Example) -> dict[str, Any]:
    """The example's arguments, for a page that does not lead to itself."""
    asked = example.arguments
    return {name: value for name, value in asked.items() if name != "after" or value != follows(case, example)}


def next_request(case: Case, example: Example, response: ProviderResponse) -> Any:
    """The request for the page after `response`; None after the last. Raises InvalidInput."""
    operation = case.operation
    assert isinstance(operation, ReadOperation)
    arguments = operation.parse(first(case, example))
    facts = operation.facts(arguments, response)
    check_following(operation, arguments, facts)
    if not facts["after"]:
        return None
    return operation.request(case.connection, operation.parse(example.arguments | {"after": facts["after"]}))


def leading(case: Case) -> list[Example]:
    return [
        example
        for example in examples_of(case.connector.name).operations[case.operation.name]
        if follows(case, example)
    ]


@each_paged
def test_a_page_that_has_a_next_one_is_among_the_examples(case: Case) -> None:
    assert leading(case), "add an answer that says that there is another page"


@each_paged
def test_the_next_page_is_asked_of_the_same_operation(case: Case) -> None:
    for example in leading(case):
        request = next_request(case, example, example.response)
        assert case.connector.classify(request).operation == case.operation.name
        assert case.connector.classify(request).access == "read"


@each_paged
def test_a_page_that_leads_to_itself_is_an_error(case: Case) -> None:
    operation = case.operation
    assert isinstance(operation, ReadOperation)
    for example in leading(case):
        after = follows(case, example)
        arguments = operation.parse(example.arguments | {"after": after})
        with pytest.raises(InvalidInput, match="leads back to itself"):
            check_following(operation, arguments, {"after": after})


def altered(example: Example) -> Iterator[ProviderResponse]:
    """The answer with something hostile in the place of whatever it says."""
    value = json.loads(example.response.body_bytes())
    for path, _ in leaves(value):
        for hostile in HOSTILE:
            yield answer(replaced(value, path, hostile))


@pytest.mark.parametrize("case", [case for case in PAGED if case.connector.protocol == "http"], ids=case_id)
def test_whatever_stands_for_the_next_page_asks_for_nothing_else(case: Case) -> None:
    """Neither another host, nor another path, nor another operation: an error, the end, or that next page."""
    for example in leading(case)[:1]:
        usual = next_request(case, example, example.response)
        for response in altered(example):
            try:
                request = next_request(case, example, response)
            except InvalidInput:
                continue
            if request is None:
                continue
            assert case.connector.classify(request).operation == case.operation.name
            assert (request.method, request.headers) == (usual.method, usual.headers)
            assert request.target.startswith("/")
            assert not request.target.startswith("//")
            assert len(request.target) < 4000
            assert "elsewhere" not in request.target.partition("?")[0]


@each_paged
def test_an_empty_page_ends_or_leads_on(case: Case) -> None:
    """Some providers answer an empty page in the middle. Nothing is made of it but an end or a next page."""
    if case.connector.protocol != "http":
        pytest.skip("its answers are no JSON")
    for example in leading(case):
        value = json.loads(example.response.body_bytes())
        for name in [name for name, item in value.items() if isinstance(item, list)]:
            request = next_request(case, example, answer(value | {name: []}))
            assert request is None or case.connector.classify(request).operation == case.operation.name
