"""Drafts: the same message, kept inside the plan and never sent by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.smtp.send import SendEmail
from coco.plans import MessageDraft


def draft_of(arguments: Mapping[str, Any]) -> MessageDraft:
    """The draft of what `email.send` would send with these arguments. Raises InvalidInput as sending would."""
    parsed = SendEmail().parse(arguments)
    return MessageDraft(to=(*parsed.to, *parsed.cc)[:50], subject=parsed.subject, body=parsed.body)
