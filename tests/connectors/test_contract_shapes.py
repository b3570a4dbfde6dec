"""Against the providers' own descriptions: queries and bodies are what they ask for, their answers become facts."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import pytest

from activities.connectors.base import GatedOperation, Operation, ReadOperation
from activities.connectors.registry import CONNECTORS
from coco.canonical import parse_json
from coco.requests import PreparedRequest, ProviderResponse
from tests.connectors.conformance import Case, case_id
from tests.connectors.contracts import FILES, Described, found
from tests.connectors.described_samples import sample
from tests.connectors.descriptions import description, problems
from tests.connectors.examples import answer

ALL = [
    Case(CONNECTORS[name], operation) for name in sorted(FILES) for operation in CONNECTORS[name].operations.values()
]
each = pytest.mark.parametrize("case", ALL, ids=case_id)
GATED = [case for case in ALL if isinstance(case.operation, GatedOperation)]
# Google's descriptions do not say which fields an answer always has.
SAMPLES = [(case, full) for case in ALL for full in (True, False) if full or not case.connector.name.startswith("g")]
_TEXT = {"integer": r"-?[0-9]+", "number": r"-?[0-9.]+", "boolean": r"true|false"}


def _told(case: Case, operation: Operation[Any] | None = None) -> Described:
    return found(case.connector.name, (operation or case.operation).route)


def _check_request(told: Described, request: PreparedRequest) -> None:
    for name, text in parse_qsl(request.target.partition("?")[2], keep_blank_values=True):
        parameter = told.parameters.get(name)
        assert parameter is not None, f"{name} is not a query parameter of {told.path}"
        pattern = _TEXT.get(parameter.get("type", ""))
        assert pattern is None or re.fullmatch(pattern, text), f"{name}={text}"
        assert text in parameter.get("enum", [text]), f"{name}={text}"
        if "maximum" in parameter:
            assert float(text) <= float(parameter["maximum"])
    for name, parameter in told.parameters.items():
        # Slack's token travels in a header.
        if parameter.get("required") is True and name != "token":
            assert f"{name}=" in request.target
    if request.body:
        assert told.body is not None
        assert problems(told.file, told.body, parse_json(request.body)) == []
    else:
        assert told.body is None or request.method == "GET"


@each
def test_requests_are_what_the_description_asks_for(case: Case) -> None:
    for example in case.examples:
        _check_request(_told(case), case.request(example.arguments))


@pytest.mark.parametrize("case", GATED, ids=case_id)
def test_the_read_before_is_what_the_description_asks_for(case: Case) -> None:
    assert isinstance(case.operation, GatedOperation)
    for example in case.examples:
        request = case.operation.prior_request(case.connection, case.operation.parse(example.arguments))
        if request is not None:
            route = case.connector.classify(request)
            _check_request(_told(case, case.connector.read(route.operation)), request)


@each
def test_the_examples_answers_fit_the_description(case: Case) -> None:
    """Google's and HubSpot's exactly. Slack's description asks for more than Slack answers, so there only the fields
    that are given count."""
    told = _told(case)
    for example in case.examples:
        schema = told.answers.get(str(example.response.status))
        if schema is None or not example.response.body:
            continue
        value = parse_json(example.response.body_bytes())
        if case.connector.name == "slack" and value.get("ok") is not True:
            schema = told.answers["default"]
        misfits = problems(told.file, schema, value)
        if case.connector.name == "slack":
            misfits = [misfit for misfit in misfits if not misfit.endswith(("is missing", "is not described"))]
        if case.connector.name == "hubspot":
            # A property without a value is null, which the description does not say.
            misfits = [misfit for misfit in misfits if not re.search(r"\.properties\.\w+: NoneType", misfit)]
        assert misfits == []


@pytest.mark.parametrize(
    ("case", "full"), SAMPLES, ids=lambda value: case_id(value) if isinstance(value, Case) else value
)
def test_an_answer_made_of_the_description_becomes_facts(case: Case, full: bool) -> None:
    told = _told(case)
    schemas = [schema for status, schema in told.answers.items() if re.fullmatch("2..", status)]
    # A description without an answer's content: there is none.
    value = sample(told.file, schemas[0], full=full) if schemas else {}
    if case.connector.name == "slack":
        value["ok"] = True
    response = answer(value) if schemas else ProviderResponse.of(204, [], b"")
    example = case.examples[0]
    arguments = case.operation.parse({**example.arguments, **_own_id(case, value)})
    if isinstance(case.operation, ReadOperation):
        facts = case.operation.facts(arguments, response)
        assert facts
    elif isinstance(case.operation, GatedOperation):
        assert case.operation.succeeded(response) is True
        kept = case.operation.result(arguments, response)
        assert kept.get("id") or kept.get("message_id")


def _own_id(case: Case, value: dict[str, Any]) -> dict[str, str]:
    """The id of the record in the answer, where the operation is about one record: then it has to be the one asked
    for."""
    if "id" not in case.operation.arguments.model_fields:
        return {}
    inner = next((value[name] for name in ("channel", "user") if isinstance(value.get(name), dict)), value)
    return {"id": inner["id"]} if case.connector.name == "slack" else {}


def test_the_checker_sees_what_does_not_fit() -> None:
    event = {"$ref": "Event"}
    file = "google-calendar.v3.json"
    assert problems(file, event, {"summary": 5}) == ["$.summary: int where string is described"]
    assert problems(file, event, {"sumary": "x"}) == ["$: sumary is not described"]
    assert problems(file, event, {"attendees": [{"email": ["x"]}]})
    assert problems(file, event, {"start": {"date": None}}) == []
    slack = description("slack-web-v2.json")["paths"]["/chat.postMessage"]["post"]["responses"]["200"]["schema"]
    assert any("ts" in problem for problem in problems("slack-web-v2.json", slack, {"ok": True, "ts": "yesterday"}))
    assert problems("slack-web-v2.json", slack, {"ok": False})
