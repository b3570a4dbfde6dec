"""Every search operator, checked against a plain walk over all records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from tests.demo_fixture import Demo

Held = dict[str, Any]
CONTACT_CASES: list[tuple[str, dict[str, Any], Callable[[Held], bool]]] = [
    ("EQ", {"propertyName": "country", "value": "germany"}, lambda c: c["country"] == "Germany"),
    ("NEQ", {"propertyName": "country", "value": "Germany"}, lambda c: c["country"] not in (None, "Germany")),
    (
        "IN",
        {"propertyName": "city", "values": ["berlin", "Paris"]},
        lambda c: (c["city"] or "").lower() in ("berlin", "paris"),
    ),
    (
        "NOT_IN",
        {"propertyName": "city", "values": ["berlin", "paris"]},
        lambda c: c["city"] and c["city"].lower() not in ("berlin", "paris"),
    ),
    ("HAS_PROPERTY", {"propertyName": "jobtitle"}, lambda c: c["jobtitle"] is not None),
    ("NOT_HAS_PROPERTY", {"propertyName": "jobtitle"}, lambda c: c["jobtitle"] is None),
    ("CONTAINS_TOKEN", {"propertyName": "tags", "value": "customer"}, lambda c: "customer" in (c["tags"] or "")),
    (
        "CONTAINS_TOKEN",
        {"propertyName": "email", "value": "*@delta-grid.example"},
        lambda c: (c["email"] or "").endswith("@delta-grid.example"),
    ),
    (
        "NOT_CONTAINS_TOKEN",
        {"propertyName": "tags", "value": "newsletter"},
        lambda c: c["tags"] and "newsletter" not in c["tags"],
    ),
    ("EQ", {"propertyName": "hs_email_optout", "value": "true"}, lambda c: c["hs_email_optout"] == "true"),
]
DEAL_CASES: list[tuple[str, dict[str, Any], Callable[[Held], bool]]] = [
    ("LT", {"propertyName": "amount", "value": "7500"}, lambda d: float(d["amount"]) < 7500),
    ("LTE", {"propertyName": "amount", "value": "7500.0"}, lambda d: float(d["amount"]) <= 7500),
    ("GT", {"propertyName": "amount", "value": "18500"}, lambda d: float(d["amount"]) > 18500),
    ("GTE", {"propertyName": "amount", "value": "18500"}, lambda d: float(d["amount"]) >= 18500),
    (
        "BETWEEN",
        {"propertyName": "amount", "value": "4200", "highValue": "12000"},
        lambda d: 4200 <= float(d["amount"]) <= 12000,
    ),
    ("EQ", {"propertyName": "hs_is_closed", "value": "true"}, lambda d: d["dealstage"].startswith("closed")),
]
NAMES = {
    "contacts": "country,city,jobtitle,tags,email,hs_email_optout",
    "deals": "amount,dealstage,notes_last_updated",
}


def everything(demo: Demo, kind: str) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    after = "0"
    while after:
        params = {"limit": 100, "after": after, "properties": NAMES[kind]}
        page = demo.crm("GET", f"/crm/v3/objects/{kind}", params=params).json()
        records += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after", "")
    return records


def found(demo: Demo, kind: str, body: dict[str, Any]) -> list[str]:
    ids: list[str] = []
    after = "0"
    while after:
        asked = {"limit": 60, "after": after, "properties": [], "sorts": [], "filterGroups": [], **body}
        page = demo.crm("POST", f"/crm/v3/objects/{kind}/search", json=asked).json()
        ids += [entry["id"] for entry in page["results"]]
        after = page.get("paging", {}).get("next", {}).get("after", "")
        assert page["total"] >= len(ids)
    return ids


@pytest.mark.parametrize(
    ("kind", "operator", "condition", "expected"),
    [("contacts", *case) for case in CONTACT_CASES] + [("deals", *case) for case in DEAL_CASES],
)
def test_operator(
    shown: Demo, kind: str, operator: str, condition: dict[str, Any], expected: Callable[[Held], bool]
) -> None:
    wanted = {entry["id"] for entry in everything(shown, kind) if expected(entry["properties"])}
    got = found(shown, kind, {"filterGroups": [{"filters": [{"operator": operator, **condition}]}]})
    assert 0 < len(wanted) < 300
    assert set(got) == wanted
    assert len(got) == len(wanted)


def test_times_compare_as_milliseconds_and_as_iso_text(shown: Demo) -> None:
    deals = everything(shown, "deals")
    times = sorted(entry["properties"]["notes_last_updated"] for entry in deals)
    middle = times[len(times) // 2]
    milliseconds = str(int(datetime.fromisoformat(middle).timestamp() * 1000))
    for spelling in (middle, milliseconds):
        condition = {"propertyName": "notes_last_updated", "operator": "LT", "value": spelling}
        assert len(found(shown, "deals", {"filterGroups": [{"filters": [condition]}]})) == sum(
            t < middle for t in times
        )


def test_groups_are_alternatives_and_filters_in_a_group_add_up(shown: Demo) -> None:
    berlin = {"propertyName": "city", "operator": "EQ", "value": "Berlin"}
    paris = {"propertyName": "city", "operator": "EQ", "value": "Paris"}
    titled = {"propertyName": "jobtitle", "operator": "HAS_PROPERTY"}
    both = found(shown, "contacts", {"filterGroups": [{"filters": [berlin, titled]}, {"filters": [paris]}]})
    held = {entry["id"]: entry["properties"] for entry in everything(shown, "contacts")}
    cities = {i: (c["city"] or "").lower() for i, c in held.items()}
    wanted = {i for i, c in held.items() if cities[i] == "paris" or (cities[i] == "berlin" and c["jobtitle"])}
    assert set(both) == wanted


@pytest.mark.parametrize(
    ("sort", "descending"),
    [
        ("amount", False),
        ({"propertyName": "amount", "direction": "DESCENDING"}, True),
        ('{"direction":"DESCENDING","propertyName":"amount"}', True),
    ],
)
def test_sorting(shown: Demo, sort: Any, descending: bool) -> None:
    amounts = {entry["id"]: float(entry["properties"]["amount"]) for entry in everything(shown, "deals")}
    order = [amounts[entry] for entry in found(shown, "deals", {"sorts": [sort]})]
    assert order == sorted(order, reverse=descending)
    assert len(order) == 150


def test_free_query(shown: Demo) -> None:
    ids = found(shown, "companies", {"query": "delta grid"})
    assert [shown.record("companies", i, "name")["name"] for i in ids] == ["Delta Grid"]
