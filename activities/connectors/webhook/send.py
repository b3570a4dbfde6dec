"""Gated: sending one signed message to the connection's address."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue

from activities.connectors.base import Arguments, ConnectionInfo, GatedOperation, Route
from activities.connectors.cards import plain
from activities.connectors.http import http_request
from activities.connectors.values import Key, Line
from coco.actions import Preview, Reversibility
from coco.canonical import can_be_kept, canonical, digest
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

CREDITS = {"webhook.send": 2}

DELIVERY = "coco-delivery"
MAX_BODY_BYTES = 60_000
"""What Coco's own webhooks take is 64,000 bytes."""


def _bounded(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Raises ValueError for what cannot be sent exactly, or kept."""
    try:
        size = len(canonical(value))
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    if size > MAX_BODY_BYTES - 1000:
        raise ValueError(f"larger than {MAX_BODY_BYTES - 1000} bytes")
    if not can_be_kept(value):
        raise ValueError("NUL characters are not allowed")
    return value


class SendArguments(Arguments):
    """One message."""

    event: Line
    """What happened, in a word or a few: the receiver's to tell messages apart by."""
    data: Annotated[dict[str, JsonValue], Field(max_length=200), AfterValidator(_bounded)] = {}
    key: Key
    """Idempotency key, unique per proposal: two messages that say the same are still two messages."""


def delivery_id(connection: ConnectionInfo, arguments: SendArguments) -> str:
    """What a receiver knows a repeated delivery by: the digest of the arguments and the connection."""
    return digest({"arguments": arguments.model_dump(mode="json"), "connection": str(connection.id)})


class SendWebhook(GatedOperation[SendArguments]):
    """POST of `{data, event, id}` in canonical JSON. The gateway adds time and signature. Nothing takes it back."""

    name = "webhook.send"
    title = "Send a message to a webhook"
    arguments = SendArguments
    route = Route(method="POST", path="/", access="gated", operation=name, scopes=("send",), query=())
    credits = CREDITS[name]
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "What was sent stays sent."

    def request(self, connection: ConnectionInfo, arguments: SendArguments) -> PreparedRequest:
        delivery = delivery_id(connection, arguments)
        body = {"data": arguments.data, "event": arguments.event, "id": delivery}
        headers = ((DELIVERY, delivery), ("content-type", "application/json"))
        return http_request("POST", "/", body=body, headers=headers)

    def preview(self, connection: ConnectionInfo, arguments: SendArguments, prior: dict[str, Any] | None) -> Preview:
        where = plain(connection.title) or "the webhook"
        return Preview(
            summary=f"Send “{plain(arguments.event)}” to {where}",
            record=where,
            after={"data": arguments.data, "event": arguments.event},
        )

    def result(self, arguments: SendArguments, response: ProviderResponse) -> dict[str, Any]:
        """The receiver's status and the beginning of what it said."""
        if not 200 <= response.status < 300:
            raise InvalidInput(f"the receiver answered {response.status}")
        said = response.body_bytes().decode("utf-8", "replace").replace("\0", "")[:500]
        return {"key": arguments.key, "status": response.status, "answer": said}
