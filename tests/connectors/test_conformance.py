"""What every connector in the registry must hold, whatever it connects. A new one only adds its examples."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activities.connectors.base import GatedOperation, ReadOperation
from activities.connectors.registry import CONNECTORS
from api.public.pages.schema_forms import FIXED, fields_of, values_of
from coco.actions import Action
from coco.canonical import canonical
from coco.errors import InvalidInput
from tests.connectors.conformance import (
    Case,
    case_id,
    cases,
    filled_form,
    leaves,
    malformed,
    only_invalid_input,
    query_names,
    replaced,
    spoilt_requests,
)
from tests.connectors.digests import digests
from tests.connectors.examples import Example, examples_of

ROOT = Path(__file__).resolve().parents[2]
ALL = list(cases())
GATED = [case for case in ALL if isinstance(case.operation, GatedOperation)]
CREDENTIAL_NAMES = {
    "token",
    "key",
    "api_key",
    "apikey",
    "access_token",
    "oauth_token",
    "client_secret",
    "password",
    "authorization",
}
few = settings(max_examples=30, deadline=None)

each_connector = pytest.mark.parametrize("name", sorted(CONNECTORS))
each_operation = pytest.mark.parametrize("case", ALL, ids=case_id)
each_gated = pytest.mark.parametrize("case", GATED, ids=case_id)


def _built(case: Case, example: Example, **changed: Any) -> Action:
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    return operation.build(case.connection, {**example.arguments, **changed}, example.prior)


# -- the manifest ----------------------------------------------------------------------------------------------------


@each_connector
def test_every_operation_has_an_example(name: str) -> None:
    examples = examples_of(name)
    assert set(examples.operations) == set(CONNECTORS[name].operations)
    assert all(examples.operations.values())
    assert examples.connection.connector == name


@each_connector
def test_the_manifest_is_complete(name: str) -> None:
    connector = CONNECTORS[name]
    assert re.fullmatch(r"[a-z][a-z0-9_]{1,39}", name)
    assert connector.title
    assert connector.operations
    assert connector.scopes, "a person has to be told what is asked for"
    for scope in connector.scopes:
        assert len(scope.allows.split()) >= 3, f"say in plain words what {scope.name} allows"
        assert any(scope.name in route.scopes for route in connector.routes), f"no operation needs {scope.name}"
    assert not connector.base_url or connector.base_url.startswith("https://")
    if connector.oauth is not None:
        for url in (connector.oauth.authorize_url, connector.oauth.token_url, connector.oauth.revoke_url):
            assert not url or url.startswith("https://")
    if any(isinstance(operation, ReadOperation) for operation in connector.operations.values()):
        assert connector.check is not None, "name the read that tells whether a credential works"
        connector.read(connector.check.operation).parse(connector.check.arguments)
    if connector.protocol == "http":
        assert connector.rate_limit is not None
        assert connector.rate_limit.source, "name the page that publishes the limit"


@each_connector
def test_the_page_names_everything(name: str) -> None:
    connector = CONNECTORS[name]
    page = ROOT / "docs" / "connectors" / f"{name}.md"
    assert page.is_file(), f"write docs/connectors/{name}.md"
    text = page.read_text()
    for wanted in (*connector.operations, *(scope.name for scope in connector.scopes)):
        assert f"`{wanted}`" in text, f"{page.name} does not name {wanted}"
    for operation in connector.operations.values():
        if isinstance(operation, GatedOperation):
            assert str(operation.reversibility) in text
    if connector.rate_limit is not None:
        limit = connector.rate_limit
        assert f"{limit.requests} requests per {limit.seconds:g} seconds" in text


@each_operation
def test_an_operation_is_what_its_route_says(case: Case) -> None:
    operation = case.operation
    route = operation.route
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", operation.name)
    assert operation.title
    assert route.operation == operation.name
    assert route.scopes
    if route.access == "read" and case.connector.protocol == "http":
        assert route.query is not None, "a read's route names its query parameters, all of them"
        assert not set(route.query) & CREDENTIAL_NAMES
    if isinstance(operation, GatedOperation):
        assert operation.credits >= 1


# -- requests --------------------------------------------------------------------------------------------------------


@each_operation
def test_a_request_is_deterministic_and_fits_its_own_route(case: Case) -> None:
    for example in case.examples:
        first = case.request(example.arguments)
        assert case.request(dict(reversed(example.arguments.items()))).digest() == first.digest()
        assert case.operation.route.matches(first)
        access = case.operation.route.access
        assert case.connector.classify(first).access == access
        others = [route.operation for route in case.connector.routes if route.matches(first) and route.access != access]
        assert others == []


@each_operation
def test_no_argument_leads_out_of_its_path_or_into_another_parameter_or_header(case: Case) -> None:
    for example in case.examples:
        plain = case.request(example.arguments)
        for text, request in spoilt_requests(case, example):
            assert case.operation.route.matches(request), text
            assert case.connector.classify(request).access == case.operation.route.access, text
            assert request.path.count("/") == plain.path.count("/"), text
            assert query_names(request) <= query_names(plain), text
            assert {name for name, _ in request.headers} <= {name for name, _ in plain.headers}, text
            if request.protocol != "http":
                head = request.body_bytes().partition(b"\r\n\r\n")[0].lower()
                assert b"\nx-injected" not in head, text


@each_operation
def test_no_argument_but_those_named_is_taken(case: Case) -> None:
    assert case.operation.arguments.model_json_schema()["additionalProperties"] is False
    for example in case.examples:
        with pytest.raises(InvalidInput, match=re.escape(case.operation.name)):
            case.operation.parse({**example.arguments, "x_unknown": "1"})


@each_operation
def test_secrets_are_nowhere(case: Case) -> None:
    secret = "s3cret-that-nobody-may-see"
    settings = {**case.connection.settings, "password": secret, "access_token": secret, "secret": secret}
    connection = case.connection.model_copy(update={"settings": settings})
    for example in case.examples:
        request = case.operation.request(connection, case.operation.parse(example.arguments))
        assert secret not in json.dumps(request.as_json())
        assert not query_names(request) & CREDENTIAL_NAMES
        if isinstance(case.operation, GatedOperation):
            action = case.operation.build(connection, example.arguments, example.prior)
            assert secret not in json.dumps(action.as_json())


# -- actions ---------------------------------------------------------------------------------------------------------


@each_gated
def test_the_prior_value_is_read_by_a_read_and_needed(case: Case) -> None:
    operation = case.operation
    assert isinstance(operation, GatedOperation)
    for example in case.examples:
        arguments = operation.parse(example.arguments)
        request = operation.prior_request(case.connection, arguments)
        assert (request is None) == (example.prior is None), "an example has a prior answer where the operation reads"
        if request is None:
            assert operation.applied(arguments, None) is None
            continue
        assert case.connector.classify(request).access == "read"
        with pytest.raises(InvalidInput):
            operation.build(case.connection, example.arguments, None)
        assert example.prior is not None
        before = operation.prior(arguments, example.prior)
        assert operation.applied(arguments, before) is not True, "the state before must not pass for the change"


@each_gated
def test_the_card_names_the_change(case: Case) -> None:
    for example in case.examples:
        action = _built(case, example)
        preview = action.preview
        assert preview.summary.strip()
        assert preview.record.strip()
        assert preview.before or preview.after or preview.body
        shown = [str(value) for _, value in leaves(preview.model_dump(mode="json"))]
        fields = set(preview.before) | set(preview.after)
        arguments = case.operation.parse(example.arguments).model_dump(mode="json")
        for path, value in leaves(arguments):
            if value in (None, "", False) or path[0] in example.unshown:
                continue
            seen = any(str(value) in text for text in shown)
            assert seen or path[-1] in fields or path[0] in fields, f"{path} is not on the card"


@each_gated
def test_another_argument_is_another_digest(case: Case) -> None:
    for example in case.examples:
        first = _built(case, example).digest()
        for path, value in leaves(example.arguments):
            if not isinstance(value, str) or path[0] == "id":
                continue
            for other in (f"{value}x", f"x{value}", value[:-1]):
                changed = replaced(example.arguments, path, other)
                try:
                    parsed = case.operation.parse(changed)
                    action = _built(case, Example(changed, example.response, example.prior))
                except InvalidInput:
                    continue
                if parsed != case.operation.parse(example.arguments):
                    assert action.digest() != first, path


@each_gated
def test_an_action_survives_being_stored(case: Case) -> None:
    for example in case.examples:
        action = _built(case, example)
        assert Action.model_validate_json(action.model_dump_json()).digest() == action.digest()
        assert Action.model_validate(json.loads(canonical(action.as_json()))).digest() == action.digest()


def test_digests_are_the_same_in_another_process() -> None:
    """Nothing depends on the order of a set or on an object's address."""
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    told = subprocess.run(
        [sys.executable, "-m", "tests.connectors.digests"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(told.stdout) == digests()


@each_operation
def test_the_arguments_make_a_form_that_gives_them_back(case: Case) -> None:
    schema = case.operation.arguments.model_json_schema()
    for example in case.examples:
        parsed = case.operation.parse(example.arguments)
        values = parsed.model_dump(mode="json")
        fields = fields_of(schema, values, fixed=FIXED)
        assert [field.name for field in fields] == list(case.operation.arguments.model_fields)
        assert all(field.label for field in fields)
        if isinstance(case.operation, GatedOperation):
            kept = {name: value for name, value in values.items() if name in FIXED}
            again = values_of(schema, filled_form(schema, values, FIXED), kept=kept)
            assert case.operation.parse(again) == parsed


# -- answers ---------------------------------------------------------------------------------------------------------


@each_operation
def test_the_example_answer_is_understood(case: Case) -> None:
    for example in case.examples:
        arguments = case.operation.parse(example.arguments)
        assert case.connector.credential_refused(example.response) is False
        assert case.connector.limited(example.response) is False
        if isinstance(case.operation, ReadOperation):
            canonical(case.operation.facts(arguments, example.response))
        elif isinstance(case.operation, GatedOperation):
            assert case.operation.succeeded(example.response) is True
            canonical(case.operation.result(arguments, example.response))


@each_operation
@few
@given(data=st.data())
def test_a_malformed_answer_is_invalid_and_nothing_else(case: Case, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from(case.examples))
    arguments = case.operation.parse(example.arguments)
    response = data.draw(malformed(example.response))
    assert case.connector.credential_refused(response) in {True, False}
    assert case.connector.limited(response) in {True, False}
    if isinstance(case.operation, ReadOperation):
        facts = only_invalid_input(lambda: case.operation.facts(arguments, response))
        json.dumps(facts)
    if isinstance(case.operation, GatedOperation):
        operation = case.operation
        assert operation.succeeded(response) in {True, False, None}
        only_invalid_input(lambda: operation.result(arguments, response))
        if example.prior is not None:
            prior = data.draw(malformed(example.prior))
            only_invalid_input(lambda: operation.prior(arguments, prior))
            only_invalid_input(lambda: operation.build(case.connection, example.arguments, prior))
