"""Hypothesis strategies: forms over the catalogue, and records that lie near what those forms ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from coco.guardrails.declarations import default_catalogue
from coco.guardrails.form import (
    Age,
    Ahead,
    AtLeast,
    Calendar,
    Count,
    Covered,
    Empty,
    Form,
    Has,
    Is,
    Limits,
    Moment,
    Number,
    Only,
    Predicate,
    Share,
    Truth,
    Weekly,
    Window,
    Within,
    conjunction,
    disjunction,
    negation,
)
from coco.guardrails.records import Record, read_record

CATALOGUE = default_catalogue()
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TAGS = ["vip", "old", "design partner", "strasse", "x"]  # as `fold` leaves them: a form holds folded names
STAGES = ["qualified", "negotiation", "closed won"]
LENGTHS = [60, 3600, 86_400, 14 * 86_400, 90 * 86_400]
ORDERS = st.sampled_from(["<", "<=", ">", ">="])

ATOMS: st.SearchStrategy[Predicate] = st.one_of(
    st.builds(
        Is,
        fact=st.just("deal.stage"),
        values=st.lists(st.sampled_from(STAGES), min_size=1, max_size=2, unique=True).map(tuple),
    ),
    st.builds(
        Is,
        fact=st.just("contact.country"),
        values=st.lists(st.sampled_from(["DE", "FR"]), min_size=1, unique=True).map(tuple),
    ),
    st.lists(st.sampled_from(TAGS), min_size=1, max_size=3, unique=True).flatmap(
        lambda values: st.builds(
            Has, fact=st.just("contact.tags"), values=st.just(tuple(values)), least=st.integers(1, len(values))
        )
    ),
    st.builds(Only, fact=st.just("action.recipient_domains"), values=st.just(("acme.com", "beta.io"))),
    st.builds(
        Number,
        fact=st.just("deal.amount"),
        order=ORDERS,
        value=st.sampled_from([0.0, 5000.0, 10_000.0]),
        currency=st.sampled_from([None, "USD", "EUR"]),
    ),
    st.builds(Number, fact=st.just("deal.probability"), order=ORDERS, value=st.sampled_from([0.1, 0.6])),
    st.builds(Number, fact=st.just("action.recipient_count"), order=ORDERS, value=st.sampled_from([1.0, 2.0])),
    st.builds(
        Age,
        fact=st.sampled_from(["contact.created_at", "contact.last_activity_at", "deal.close_date"]),
        order=ORDERS,
        seconds=st.sampled_from(LENGTHS),
    ),
    st.builds(Ahead, fact=st.just("deal.close_date"), order=ORDERS, seconds=st.sampled_from(LENGTHS)),
    st.builds(
        Moment,
        fact=st.sampled_from(["contact.created_at", "deal.close_date", "now"]),
        order=ORDERS,
        at=st.sampled_from([NOW, datetime(2026, 1, 1, tzinfo=UTC)]),
    ),
    st.builds(
        Calendar,
        fact=st.sampled_from(["contact.created_at", "deal.close_date"]),
        unit=st.sampled_from(["day", "week", "month", "quarter", "year"]),
        first=st.sampled_from([-1, 0, 1]),
        last=st.just(1) | st.none(),
        zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Auckland"]),
    ),
    st.builds(Truth, fact=st.just("contact.unsubscribed")),
    st.builds(Empty, fact=st.sampled_from(["contact.owner", "contact.tags", "contact.email"])),
    st.builds(Count, fact=st.just("email.bounced"), order=ORDERS, number=st.integers(0, 2)),
    st.builds(Share, fact=st.just("email.bounced"), order=ORDERS, per_myriad=st.sampled_from([5000, 10_000])),
)

PREDICATES: st.SearchStrategy[Predicate] = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(conjunction),
        st.lists(inner, min_size=1, max_size=3).map(disjunction),
        inner.map(negation),
        st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda items: st.builds(AtLeast, least=st.integers(1, len(items)), items=st.just(tuple(items)))
        ),
    ),
    max_leaves=5,
)

FORMS: st.SearchStrategy[Form] = st.builds(
    Form,
    target=st.just("contact"),
    operations=st.sampled_from(
        [
            (Covered(operation="contact.archive"),),
            (Covered(operation="contact.add_tag", arguments=(("action.tag", "old"),)),),
            (Covered(operation="email.send"),),
        ]
    ),
    connector=st.sampled_from([None, "hubspot"]),
    predicate=PREDICATES,
    window=st.builds(
        Window,
        within=st.none() | st.builds(Within, fact=st.just("contact.created_at"), seconds=st.sampled_from(LENGTHS)),
        weekly=st.none()
        | st.builds(
            lambda days, hours, zone: Weekly(days=days, start=hours[0], end=hours[1], zone=zone),
            days=st.sampled_from([(0, 1, 2, 3, 4), (5, 6), (1,), (0, 1, 2, 3, 4, 5, 6)]),
            hours=st.sampled_from([(540, 1020), (1320, 360)]),
            zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
        ),
    ),
    limits=st.just(Limits()),
)


def _times() -> st.SearchStrategy[Any]:
    offsets = [0, 1, -1]
    return st.builds(
        lambda length, micro, sign: (NOW - sign * timedelta(seconds=length, microseconds=micro)).isoformat(),
        st.sampled_from([0, *LENGTHS, 22 * 3600, 400 * 86_400]),
        st.sampled_from(offsets),
        st.sampled_from([1, 1, 1, -1]),
    )


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "contact.tags": st.lists(st.sampled_from([*TAGS, "VIP", "Straße", " Old "]), max_size=3),
    "contact.country": st.sampled_from(["DE", "Germany", "france", "US", "Narnia"]),
    "contact.owner": st.sampled_from(["Maria", ""]),
    "contact.email": st.sampled_from(["a@acme.com", "nope", ""]),
    "contact.created_at": _times(),
    "contact.last_activity_at": _times(),
    "contact.unsubscribed": st.booleans() | st.just(1),
    "deal.stage": st.sampled_from(["Qualified", "negotiation", "CLOSED WON", "other"]),
    "deal.amount": st.sampled_from([0, 4999.99, 5000, 10_000, 10_000.01, "10000", True]),
    "deal.currency": st.sampled_from(["USD", "usd", "EUR"]),
    "deal.probability": st.sampled_from([0.1, 0.6, 0.61, 60]),
    "deal.close_date": _times(),
    "email.bounced": st.lists(st.booleans(), max_size=3),
    "action.operation": st.sampled_from(
        ["contact.archive", "archive", "contact.add_tag", "email.send", "deal.archive", "fly"]
    ),
    "action.connector": st.sampled_from(["hubspot", "HubSpot", "salesforce"]),
    "action.tag": st.sampled_from(["Old", "new"]),
    "action.recipients": st.lists(st.sampled_from(["a@acme.com", "A@ACME.com", "b@beta.io", "c@evil.com"]), max_size=3),
    "now": st.sampled_from([NOW.isoformat(), "2026-11-28T12:00:00Z", "2026-11-24T16:30:00Z"]),
}


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record in which most facts are there, some are null, some are missing, some malformed."""
    data: dict[str, Any] = {"id": "r"}
    for name, values in _VALUES.items():
        shape = draw(st.sampled_from(["value"] * 12 + ["null", "absent"]))
        if shape != "absent":
            data[name] = None if shape == "null" else draw(values)
    record = read_record(data, CATALOGUE)
    if record.problems and draw(st.integers(0, 3)):  # most malformed values are dropped, to look at the rest
        return Record(record.id, record.facts)
    return record
