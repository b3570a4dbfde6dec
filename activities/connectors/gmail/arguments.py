"""The arguments of Gmail's operations. A message's are those of any e-mail, and the thread that it belongs to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.smtp.arguments import SendArguments, one_line

GmailId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""Id of a message, a thread or a draft."""
Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Query = Annotated[str, StringConstraints(max_length=500), AfterValidator(one_line)]
"""Gmail's own search, as in its search box: `from:ada@engine.example newer_than:7d`."""
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=_.-]{0,200}$")]
Limit = Annotated[int, Field(ge=1, le=100)]
Detail = Literal["full", "metadata"]


class SearchArguments(Arguments):
    """A page of the messages that a search finds."""

    query: Query = ""
    labels: Annotated[tuple[Label, ...], Field(max_length=10)] = ()
    limit: Limit = 50
    after: Cursor = ""


class ListDraftsArguments(Arguments):
    """A page of the drafts in the mailbox."""

    query: Query = ""
    limit: Limit = 50
    after: Cursor = ""


class GetArguments(Arguments):
    """One message, thread or draft by its id; `metadata` leaves the texts out."""

    id: GmailId
    detail: Detail = "full"


class MessageArguments(SendArguments):
    """One message. In a thread it is a reply, and names what it replies to."""

    thread_id: GmailId | None = None

    @model_validator(mode="after")
    def _a_reply_says_to_what(self) -> MessageArguments:
        if self.thread_id is not None and self.in_reply_to is None:
            raise ValueError("a message in a thread needs in_reply_to: the Message-ID that it answers")
        return self


class DeleteDraftArguments(Arguments):
    """The draft to delete."""

    id: GmailId
