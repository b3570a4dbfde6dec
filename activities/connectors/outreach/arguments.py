"""The arguments of Outreach's operations."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from activities.connectors.base import Arguments
from activities.connectors.values import Email, Line


def _one_value(value: str) -> str:
    # Outreach reads commas as a list and two dots as a range; a leading underscore pair may be a keyword.
    if "," in value or ".." in value or value.startswith("__"):
        raise ValueError("commas, two dots and two leading underscores have a meaning of their own in a filter")
    return value


RecordId = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,14}$")]
FilterText = Annotated[Line, AfterValidator(_one_value)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/=_.:-]{0,500}$")]
Moment = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z)?$")
]


class ListArguments(Arguments):
    """A page of records."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    after: Cursor = ""


class ListProspectsArguments(ListArguments):
    """Prospects that fit every filter given."""

    emails: Annotated[tuple[Email, ...], Field(max_length=50)] = ()
    first_name: FilterText | None = None
    last_name: FilterText | None = None
    company: FilterText | None = None
    search: FilterText | None = None
    """The beginning of a word in name, address or company."""
    updated_since: Moment | None = None
    sort: Literal["createdAt", "-createdAt", "updatedAt", "-updatedAt", "lastName", "-lastName"] | None = None


class ListSequencesArguments(ListArguments):
    """Sequences, by name."""

    name: FilterText | None = None
    enabled: bool | None = None


class ListMailboxesArguments(ListArguments):
    """Mailboxes, by address."""

    email: Email | None = None


class ListStatesArguments(ListArguments):
    """Who is in which sequence."""

    prospect_id: RecordId | None = None
    sequence_id: RecordId | None = None
    state: Literal["active", "pending", "finished", "paused", "disabled", "failed", "bounced", "opted_out"] | None = (
        None
    )


class GetArguments(Arguments):
    """One record by its id."""

    id: RecordId


class EnrolArguments(Arguments):
    """The prospect (`id`), the sequence it is put into and the mailbox that sends."""

    id: RecordId
    sequence_id: RecordId
    mailbox_id: RecordId


class FinishArguments(Arguments):
    """The sequence state that ends: one prospect in one sequence."""

    id: RecordId
