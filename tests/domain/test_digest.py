"""The digest depends on what an action is, never on how it was spelled."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coco.actions import Action, Preview, Prior, Reversibility
from coco.canonical import MAX_SAFE_INTEGER, canonical, digest, parse_json
from coco.errors import InvalidInput
from coco.requests import PreparedRequest

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
numbers = st.integers(-MAX_SAFE_INTEGER, MAX_SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def shuffled(value: Any, source: random.Random) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        source.shuffle(items)
        return {key: shuffled(item, source) for key, item in items}
    if isinstance(value, list):
        return [shuffled(item, source) for item in value]
    return value


def respelled(value: Any) -> str:
    """The same JSON with every whole number written as a float with an exponent, and every character escaped."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value}.0e0"
    if isinstance(value, float):
        return repr(value).upper() if "e" in repr(value) else f"{value!r}00"
    if isinstance(value, str):
        return '"' + "".join(f"\\u{unit:04X}" for unit in _utf16(value)) + '"'
    if isinstance(value, list):
        return "[ " + " , ".join(respelled(item) for item in value) + " ]"
    return "{\n" + ",\n".join(f"{respelled(key)} : {respelled(item)}" for key, item in value.items()) + "\n}"


def _utf16(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)]


@given(values, st.randoms(use_true_random=False))
def test_key_order_does_not_count(value: Any, source: random.Random) -> None:
    assert digest(shuffled(value, source)) == digest(value)


@given(values)
def test_spelling_does_not_count(value: Any) -> None:
    assert digest(parse_json(respelled(value))) == digest(value)


@given(values, values)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    same = json.loads(canonical(one)) == json.loads(canonical(other)) and canonical(one) == canonical(other)
    assert (digest(one) == digest(other)) == same
    # true and 1, null and "null", "1" and 1 are different things.
    assert digest([one]) != digest(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [(True, 1), (False, 0), (None, "null"), ("1", 1), ([], {}), ("", None), ([1], [1, 1]), ({"a": 1}, {"a": "1"})],
)
def test_look_alikes_differ(one: Any, other: Any) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize("spelling", ["1", "1.0", "1e0", "10e-1", "0.1E1", "1.00"])
def test_one_number_has_one_digest(spelling: str) -> None:
    assert digest(parse_json(spelling)) == digest(1)


def test_a_large_number_and_its_digits_are_one() -> None:
    assert digest(parse_json("1e20")) == digest(parse_json("100000000000000000000"))


@pytest.mark.parametrize(
    "value", [2**53 + 1, float("nan"), float("inf"), {1: 2}, {"a": {1, 2}}, b"x", "\ud800", 10**400]
)
def test_what_json_cannot_carry_exactly_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="no canonical JSON form"):
        canonical(value)


@pytest.mark.parametrize("text", ['{"a":1,"a":2}', "NaN", "Infinity", "{", '{"a":{"b":1,"b":1}}'])
def test_ambiguous_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_json(text)


bodies = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


def an_action(body: str, prior: dict[str, Any] | None = None) -> Action:
    read = PreparedRequest(protocol="http", method="GET", target="/crm/v3/objects/contacts/1")
    return Action(
        connection="5f0c3b9e-0000-4000-8000-000000000001",
        connector="hubspot",
        operation="contacts.update",
        request=PreparedRequest(protocol="http", method="PATCH", target="/crm/v3/objects/contacts/1", body=body),
        prior=Prior(request=read, value=prior),
        preview=Preview(summary="s", record="r"),
        reversibility=Reversibility.REVERSIBLE,
        credits=1,
    )


@given(bodies, st.integers(0, 59), st.characters(exclude_categories=("Cs",)))
def test_any_changed_byte_of_the_request_changes_the_digest(body: str, at: int, new: str) -> None:
    position = at % (len(body) + 1)
    changed = body[:position] + new + body[position + 1 :]
    same = changed == body
    assert (an_action(changed).digest() == an_action(body).digest()) == same


@given(st.dictionaries(texts, texts, max_size=3), st.dictionaries(texts, texts, max_size=3))
def test_the_prior_value_is_part_of_the_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (an_action("x", one).digest() == an_action("x", other).digest()) == (one == other)
    assert (an_action("x", one).prior_digest() == an_action("x", other).prior_digest()) == (one == other)


FIELDS: dict[str, Any] = {
    "connection": "5f0c3b9e-0000-4000-8000-000000000002",
    "connector": "smtp",
    "operation": "contacts.archive",
    "request": PreparedRequest(protocol="http", method="DELETE", target="/crm/v3/objects/contacts/1"),
    "prior": None,
    "preview": Preview(summary="t", record="r"),
    "reversibility": Reversibility.IRREVERSIBLE,
    "credits": 2,
}


@pytest.mark.parametrize("field", sorted(Action.model_fields))
def test_every_field_is_covered(field: str) -> None:
    action = an_action("x")
    assert action.model_copy(update={field: FIELDS[field]}).digest() != action.digest()


REQUEST_FIELDS: dict[str, Any] = {
    "protocol": "smtp", "method": "PUT", "target": "/crm/v3/objects/contacts/2", "headers": (("a", "b"),),
    "body": "y", "encoding": "base64",
}  # fmt: skip


@pytest.mark.parametrize("field", sorted(PreparedRequest.model_fields))
def test_every_field_of_the_request_is_covered(field: str) -> None:
    request = an_action("x").request
    assert request.model_copy(update={field: REQUEST_FIELDS[field]}).digest() != request.digest()


@pytest.mark.parametrize(
    "target",
    [
        "relative",
        "//host/x",
        "/a/../b",
        "/a/%2e%2e/b",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/%2e%2e%3b/b",
        "/a/%252e%252e/b",
        "/a/b%252fc",
        "/a/%2E./b",
        "/a%2fb",
        "/a%5Cb",
        "/a b",
        "/a\r\nx: y",
        "/a#f",
        "",
        "/é",
        "http://x/",
    ],
)
def test_a_target_that_could_mean_two_things_is_refused(target: str) -> None:
    with pytest.raises(ValidationError):
        PreparedRequest(protocol="http", method="GET", target=target)


@pytest.mark.parametrize(
    "header",
    [("authorization", "x"), ("host", "x"), ("x-http-method-override", "DELETE"), ("content-length", "1"),
     ("Cookie", "x"), ("transfer-encoding", "chunked"), ("a", "b\r\nc: d"), ("a b", "c"), ("cookie", "x")],
)  # fmt: skip
def test_a_header_that_is_not_a_connectors_is_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ValidationError):
        PreparedRequest(protocol="http", method="GET", target="/x", headers=(header,))
