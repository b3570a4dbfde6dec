"""The message that follows one that was sent: to the same people, and to be edited before anybody approves it."""

from __future__ import annotations

from activities.connectors.smtp.arguments import SendArguments
from activities.connectors.taking_back import Compensation, correction
from coco.canonical import digest


def following(operation: str, sent: SendArguments, in_reply_to: str | None = None) -> Compensation:
    """The draft; its key is made of what it follows. Raises ValueError for an `in_reply_to` that is no Message-ID."""
    subject, text = correction(sent.subject)
    arguments = SendArguments(
        to=sent.to,
        cc=sent.cc,
        subject=subject,
        body=text,
        reply_to=sent.reply_to,
        in_reply_to=in_reply_to,
        key=f"follow-up:{digest(sent.model_dump(mode='json'))}",
    )
    return Compensation(
        operation=operation, arguments=arguments.model_dump(mode="json", exclude_none=True), response=None
    )
