"""The raw message that Gmail is given: the bytes that SMTP would carry, in base64url."""

from __future__ import annotations

import base64
from email.errors import MessageError
from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.connectors.gmail.arguments import MessageArguments
from activities.connectors.smtp.message import check_round_trip, composed, sender, shown_sender
from activities.connectors.smtp.shown import fields
from coco.canonical import digest
from coco.errors import InvalidInput

KEY_HEADER = "X-Coco-Key"
"""Gmail replaces a Message-ID by one of its own, so a message is told again by this header."""


def key_of(arguments: MessageArguments) -> str:
    """What `KEY_HEADER` says: the digest of the arguments, of which `key` is one."""
    return digest({"message": arguments.model_dump(mode="json")})


def own_address(connection: ConnectionInfo) -> tuple[str, str] | None:
    """(name, address) that the connection's settings set; None: Gmail takes the account's own. Raises InvalidInput."""
    return sender(connection) if connection.settings.get("from_address") else None


def shown_from(connection: ConnectionInfo) -> str:
    """The sender as a card shows it."""
    return shown_sender(connection) if own_address(connection) else f"the Gmail account “{connection.title}”"


def shown_fields(connection: ConnectionInfo, arguments: MessageArguments) -> dict[str, Any]:
    """A message's fields on a card, but for its text."""
    thread = {} if arguments.thread_id is None else {"thread_id": arguments.thread_id}
    return fields(arguments, shown_from(connection)) | thread


def message_body(connection: ConnectionInfo, arguments: MessageArguments) -> dict[str, Any]:
    """Gmail's message resource. Raises InvalidInput where the bytes would not say exactly what the arguments say."""
    own = own_address(connection)
    domain = own[1].rpartition("@")[2] if own else "mail.gmail.com"
    try:
        message = composed(arguments, shown_sender(connection) if own else None, f"<{key_of(arguments)}@{domain}>")
        message[KEY_HEADER] = key_of(arguments)
        data = message.as_bytes()
    except (MessageError, UnicodeError, ValueError) as error:
        raise InvalidInput(f"no message can be made of this: {error}") from error
    check_round_trip(data, own, arguments)
    body: dict[str, Any] = {"raw": base64.urlsafe_b64encode(data).decode("ascii")}
    if arguments.thread_id is not None:
        body["threadId"] = arguments.thread_id
    return body
