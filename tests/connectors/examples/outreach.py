"""Outreach."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer

NEXT = "https://api.outreach.io/api/v2/prospects?page%5Bafter%5D=eyJpZCI6NTF9%3D&page%5Bsize%5D=50"


def resource(kind: str, number: int, attributes: dict[str, Any], **related: int) -> dict[str, Any]:
    """A record as JSON:API tells it."""
    return {
        "type": kind,
        "id": number,
        "attributes": attributes,
        "relationships": {name: {"data": {"type": name, "id": other}} for name, other in related.items()},
        "links": {"self": f"https://api.outreach.io/api/v2/{kind}s/{number}"},
    }


def page(*records: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    """A page of records."""
    value: dict[str, Any] = {"data": list(records), "meta": {"count": len(records), "count_truncated": False}}
    return value | {"links": {"next": following} if following else {}}


PROSPECT = resource(
    "prospect", 51, {"firstName": "Ada", "lastName": "Lovelace", "emails": ["ada@engine.example"]}, owner=7
)


def state(number: int = 900, told: str = "active") -> dict[str, Any]:
    return resource("sequenceState", number, {"state": told}, prospect=51, sequence=12, mailbox=3)


EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=5), connector="outreach", title="Outreach"),
    {
        "prospects.list": (
            Example(
                {
                    "emails": ["ada@engine.example", "bo@engine.example"],
                    "first_name": "Ada",
                    "company": "Engine & Co",
                    "search": "ada",
                    "updated_since": "2026-01-01",
                    "sort": "-updatedAt",
                    "after": "eyJpZCI6NTF9=",
                },
                answer(page(PROSPECT, following=NEXT)),
            ),
            Example({}, answer(page(PROSPECT))),
        ),
        "prospects.get": (Example({"id": "51"}, answer({"data": PROSPECT})),),
        "sequences.list": (
            Example(
                {"name": "Intro", "enabled": True},
                answer(page(resource("sequence", 12, {"name": "Intro", "enabled": True}), following=NEXT)),
            ),
        ),
        "mailboxes.list": (
            Example(
                {"email": "me@acme.example"},
                answer(page(resource("mailbox", 3, {"email": "me@acme.example"}, user=7), following=NEXT)),
            ),
        ),
        "sequence_states.list": (
            Example({"prospect_id": "51", "sequence_id": "12", "state": "active"}, answer(page(state()))),
            Example({"prospect_id": "51"}, answer(page(state(), following=NEXT))),
        ),
        "sequence_states.get": (Example({"id": "900"}, answer({"data": state()})),),
        "prospects.enrol": (
            Example(
                {"id": "51", "sequence_id": "12", "mailbox_id": "3"}, answer({"data": state()}, 201), answer(page())
            ),
            Example(
                {"id": "51", "sequence_id": "12", "mailbox_id": "3"},
                answer({"data": state(901)}, 201),
                answer(page(state(900, "finished"))),
            ),
        ),
        "sequence_states.finish": (
            Example({"id": "900"}, answer({"data": state(900, "finished")}), answer({"data": state()})),
        ),
    },
)
