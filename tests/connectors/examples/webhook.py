"""A webhook."""

from __future__ import annotations

from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=7), connector="webhook", title="Warehouse"),
    {
        "webhook.send": (
            Example(
                {
                    "event": "deal won",
                    "data": {"deal": "51", "amount": 250.5, "tags": ["pilot", None], "owner": {"name": "Ada"}},
                    "key": "run:1",
                },
                answer({"run_id": "x", "new": True}, 202),
                unshown=frozenset({"key"}),
            ),
            Example({"event": "ping", "key": "run:2"}, ProviderResponse.of(204, [], b""), unshown=frozenset({"key"})),
        )
    },
)
