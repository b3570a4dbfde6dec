"""Gated: sending one message, which may be a reply in a thread."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.cards import plain
from activities.connectors.gmail.arguments import MessageArguments
from activities.connectors.gmail.message import KEY_HEADER, key_of, message_body, shown_fields
from activities.connectors.gmail.records import HEADER_NAMES, headers_of, thread_of
from activities.connectors.gmail.scopes import READ, SEND
from activities.connectors.gmail.wire import SEND as SEND_PATH
from activities.connectors.gmail.wire import THREADS, item
from activities.connectors.http import http_request, kept_text, object_of, written
from activities.connectors.smtp.following import following
from activities.connectors.smtp.shown import people
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview, Reversibility
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


class SendEmail(GatedOperation[MessageArguments]):
    """POST of a message. A reply is bound to the conversation as it was: after a new message in it, nothing is sent."""

    name = "email.send"
    title = "Send an e-mail"
    arguments = MessageArguments
    route = Route(method="POST", path=SEND_PATH, access="gated", operation=name, scopes=(READ, SEND), query=())
    credits = 5
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "What was sent stays sent."

    def request(self, connection: ConnectionInfo, arguments: MessageArguments) -> PreparedRequest:
        return http_request("POST", SEND_PATH, body=message_body(connection, arguments))

    def prior_request(self, connection: ConnectionInfo, arguments: MessageArguments) -> PreparedRequest | None:
        if arguments.thread_id is None:
            return None
        query = [("format", "metadata"), *(("metadataHeaders", name) for name in (*HEADER_NAMES, KEY_HEADER))]
        return http_request("GET", item(THREADS, arguments.thread_id), query=query)

    def prior(self, arguments: MessageArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """The conversation's last message (drafts aside), and whether this one is in it."""
        if response.status == 404:
            return None
        value = object_of(response, "a thread")
        thread = thread_of(value)
        if thread["id"] != arguments.thread_id:
            raise InvalidInput(f"the thread read is {plain(thread['id'], 64)}, not {arguments.thread_id}")
        messages = [message for message in thread["messages"] if "DRAFT" not in message["labels"]]
        keys = {headers_of(raw.get("payload", {})).get(KEY_HEADER.lower()) for raw in value.get("messages", [])}
        last = messages[-1] if messages else {}
        told = {f"last_{name}": last.get(name) for name in ("id", "at", "from", "snippet")}
        return told | {"sent": key_of(arguments) in keys}

    def preview(self, connection: ConnectionInfo, arguments: MessageArguments, prior: dict[str, Any] | None) -> Preview:
        if arguments.thread_id is not None and prior is None:
            raise InvalidInput(f"{self.name}: there is no conversation {arguments.thread_id} (any more)")
        before = {} if prior is None else {name: value for name, value in prior.items() if value}
        return Preview(
            summary=f"{'Reply' if prior else 'Send'} “{plain(arguments.subject, 120)}” to {people(arguments)}",
            record=people(arguments),
            before=before,
            after=shown_fields(connection, arguments),
            body=arguments.body,
        )

    def follow_up(self, arguments: MessageArguments, done: Done) -> Compensation:
        return following(self.name, arguments)

    def applied(self, arguments: MessageArguments, now: dict[str, Any] | None) -> bool | None:
        # Seen in the thread; that it is not there yet proves nothing.
        return True if now is not None and now["sent"] else None

    def result(self, arguments: MessageArguments, response: ProviderResponse) -> dict[str, Any]:
        """Gmail's ids of the message and its thread, and where it is shown."""
        value = written(response)
        found: dict[str, Any] = {"key": arguments.key}
        message_id, thread_id = kept_text(value.get("id"), 64), kept_text(value.get("threadId"), 64)
        if message_id is not None:
            found |= {"message_id": message_id}
            if message_id.isalnum():
                found["url"] = f"https://mail.google.com/mail/#all/{message_id}"
        return found | ({"thread_id": thread_id} if thread_id else {})
