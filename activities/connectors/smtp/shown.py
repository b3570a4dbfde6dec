"""How a card shows a message, over SMTP and over a mailbox's own API."""

from __future__ import annotations

from typing import Any

from activities.connectors.smtp.arguments import SendArguments


def people(arguments: SendArguments) -> str:
    """Whom a message goes to, in a sentence."""
    others = len(arguments.to) + len(arguments.cc) - 1
    return f"{arguments.to[0]} and {others} more" if others else arguments.to[0]


def fields(arguments: SendArguments, from_: str) -> dict[str, Any]:
    """A message's fields but for its text; `from_` is the sender as a card shows it."""
    found: dict[str, Any] = {
        "from": from_,
        "to": list(arguments.to),
        "subject": arguments.subject,
        "cc": list(arguments.cc),
        "reply_to": arguments.reply_to,
        "in_reply_to": arguments.in_reply_to,
    }
    return {name: value for name, value in found.items() if value}
