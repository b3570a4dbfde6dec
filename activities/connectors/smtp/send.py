"""Gated: sending one message."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.smtp.arguments import SendArguments
from activities.connectors.smtp.following import following
from activities.connectors.smtp.message import message_request, shown_sender
from activities.connectors.smtp.shown import fields, people
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview, Reversibility
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

CREDITS = {"email.send": 5}


class SendEmail(GatedOperation[SendArguments]):
    """One plain-text message. Nothing takes it back, and no read tells whether it arrived."""

    name = "email.send"
    title = "Send an e-mail"
    arguments = SendArguments
    route = Route(method="SEND", path="/message", access="gated", operation=name, scopes=("send",))
    credits = CREDITS[name]
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "What was sent stays sent."

    def request(self, connection: ConnectionInfo, arguments: SendArguments) -> PreparedRequest:
        return message_request(connection, arguments)

    def preview(self, connection: ConnectionInfo, arguments: SendArguments, prior: dict[str, Any] | None) -> Preview:
        return Preview(
            summary=f"Send “{_short(arguments.subject)}” to {people(arguments)}",
            record=people(arguments),
            after=fields(arguments, shown_sender(connection)),
            body=arguments.body,
        )

    def follow_up(self, arguments: SendArguments, done: Done) -> Compensation:
        told = dict(done.after.headers) if done.after is not None else {}
        try:
            return following(self.name, arguments, in_reply_to=told.get("message-id"))
        except ValueError:
            # Whatever the server had made of the Message-ID: then it is no reply.
            return following(self.name, arguments)

    def result(self, arguments: SendArguments, response: ProviderResponse) -> dict[str, Any]:
        """The Message-ID, which the deliverer keeps as the answer's `message-id` header, and the server's reply."""
        if not 200 <= response.status < 300:
            raise InvalidInput(f"the mail server answered {response.status}")
        kept: dict[str, Any] = {"key": arguments.key, "reply": response.body[:500]}
        for name, value in response.headers:
            if name == "message-id":
                kept["message_id"] = value
        return kept


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
