"""Connections, responses and hypothesis strategies that the connector tests share."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from activities.connectors.base import ConnectionInfo
from activities.connectors.hubspot.arguments import READ_ONLY
from coco.requests import ProviderResponse

thorough = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For property tests: no timing, and few enough examples for a busy machine."""

CRM = ConnectionInfo(id=UUID(int=1), connector="hubspot", title="CRM")
MAILBOX = ConnectionInfo(
    id=UUID(int=2),
    connector="smtp",
    title="Sales mailbox",
    settings={"from_address": "sales@acme.example", "from_name": "Ada Ünal, Acme"},
)


def answer(value: Any, status: int = 200) -> ProviderResponse:
    return ProviderResponse.of(status, [("content-type", "application/json")], json.dumps(value).encode())


def record(record_id: str, properties: dict[str, str | None], **more: Any) -> ProviderResponse:
    return answer(
        {
            "id": record_id,
            "properties": properties,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-02T00:00:00Z",
            "archived": False,
            **more,
        }
    )


ADA = {"firstname": "Ada", "lastname": "Lovelace", "email": "ada@engine.example", "jobtitle": "Analyst", "city": None}

ids = st.from_regex(r"[0-9]{1,20}", fullmatch=True)
visible = st.characters(exclude_categories=("Cc", "Cs"))
values = st.text(visible, max_size=60)
names = st.from_regex(r"[a-z0-9_]{1,30}", fullmatch=True).filter(
    lambda name: name not in READ_ONLY | {"dealstage", "pipeline"}
)
properties = st.dictionaries(names, values, min_size=1, max_size=6)
updates = st.fixed_dictionaries({"id": ids, "properties": properties})

_words = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=30), min_size=1, max_size=6
)
subjects = _words.map(" ".join)
bodies = st.lists(
    st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), max_size=120), min_size=1, max_size=8
).map(lambda lines: "\n".join(lines) or ".")
addresses = st.builds(
    lambda local, domain: f"{local}@{domain}.example",
    st.from_regex(r"[a-z][a-z0-9]{0,15}(\.[a-z0-9]{1,8})?", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9]{0,15}", fullmatch=True),
)
messages = st.builds(
    lambda people, cc, subject, body, key: {
        "to": people[cc:],
        "cc": people[:cc],
        "subject": subject,
        "body": body,
        "key": key,
    },
    st.lists(addresses, min_size=3, max_size=6, unique=True),
    st.integers(0, 2),
    subjects,
    bodies,
    st.from_regex(r"[A-Za-z0-9._:-]{1,40}", fullmatch=True),
)
