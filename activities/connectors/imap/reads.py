"""The operations: all of them reads."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from activities.connectors.base import Arguments, ConnectionInfo, ReadOperation, Route
from activities.connectors.http import object_of, objects_in, text_in, whole_number
from activities.connectors.imap.commands import (
    FETCH_QUERY,
    MAX_FOUND,
    SEARCH_QUERY,
    Fetch,
    ListMailboxes,
    Search,
    request_for,
)
from activities.connectors.imap.messages import headers_of, message_of
from activities.connectors.values import Line
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

SCOPE = "read"

Mailbox = Annotated[Line, StringConstraints(max_length=255)]
Uid = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,9}$")]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,9}:[1-9][0-9]{0,9})?$")]
"""The mailbox's UIDVALIDITY and the id below which the next page begins."""


class NoArguments(Arguments):
    """Nothing to say."""


class SearchArguments(Arguments):
    """The newest messages of one mailbox that fit every criterion given."""

    mailbox: Mailbox = "INBOX"
    sender: Line | None = None
    to: Line | None = None
    subject: Line | None = None
    text: Line | None = None
    """Somewhere in header or body."""
    message_id: Line | None = None
    since: Day | None = None
    until: Day | None = None
    unseen: bool = False
    limit: Annotated[int, Field(ge=1, le=MAX_FOUND)] = 50
    after: Cursor = ""


class GetArguments(Arguments):
    """One message, by its id in its mailbox."""

    mailbox: Mailbox = "INBOX"
    id: Uid
    uidvalidity: Uid | None = None


class ListTheMailboxes(ReadOperation[NoArguments]):
    """Facts: `{results: [{id, name, delimiter, flags}]}`."""

    name = "mailboxes.list"
    title = "List mailboxes"
    arguments = NoArguments
    route = Route(method="LIST", path="/mailboxes", access="read", operation=name, scopes=(SCOPE,), query=())

    def request(self, connection: ConnectionInfo, arguments: NoArguments) -> PreparedRequest:
        return request_for(ListMailboxes())

    def facts(self, arguments: NoArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a list of mailboxes")
        results = []
        for item in objects_in(value, "mailboxes", "list of mailboxes"):
            name, flags = text_in(item, "name", "mailbox"), item.get("flags")
            results.append(
                {
                    "id": name,
                    "name": name,
                    "delimiter": item["delimiter"] if isinstance(item.get("delimiter"), str) else None,
                    "flags": [flag for flag in flags if isinstance(flag, str)] if isinstance(flags, list) else [],
                }
            )
        return {"results": results}


class SearchMessages(ReadOperation[SearchArguments]):
    """Facts: `{results: [message], after, total}`, newest first; a message has its headers and not yet its text."""

    name = "messages.search"
    title = "Search messages"
    arguments = SearchArguments
    route = Route(method="SEARCH", path="/messages", access="read", operation=name, scopes=(SCOPE,), query=SEARCH_QUERY)

    def request(self, connection: ConnectionInfo, arguments: SearchArguments) -> PreparedRequest:
        validity, _, below = arguments.after.partition(":")
        return request_for(
            Search(
                mailbox=arguments.mailbox,
                limit=arguments.limit,
                sender=arguments.sender or "",
                to=arguments.to or "",
                subject=arguments.subject or "",
                text=arguments.text or "",
                message_id=arguments.message_id or "",
                since=arguments.since or "",
                until=arguments.until or "",
                unseen=arguments.unseen,
                below=int(below) if below else None,
                uidvalidity=int(validity) if validity else None,
            )
        )

    def facts(self, arguments: SearchArguments, response: ProviderResponse) -> dict[str, Any]:
        value = object_of(response, "a search's result")
        validity, total = whole_number(value.get("uidvalidity")), whole_number(value.get("total"))
        if validity is None or total is None:
            raise InvalidInput("the mail server's answer has no uidvalidity or total")
        found = objects_in(value, "messages", "search result")
        results = [_summary(item, arguments.mailbox, validity) for item in found]
        more = bool(results) and total > len(results)
        after = f"{validity}:{results[-1]['id']}" if more and validity else None
        return {"results": results, "after": after, "total": total}


def _summary(item: dict[str, Any], mailbox: str, validity: int) -> dict[str, Any]:
    uid, header, flags = whole_number(item.get("uid")), item.get("header"), item.get("flags")
    if not uid or not isinstance(header, str):
        raise InvalidInput("the mail server answered a message without id or header")
    try:
        raw = header.encode("latin-1")
    except UnicodeError as error:
        raise InvalidInput("the mail server's header is not bytes") from error
    return {
        "id": str(uid),
        "mailbox": mailbox,
        "uidvalidity": str(validity),
        "flags": [flag for flag in flags if isinstance(flag, str)] if isinstance(flags, list) else [],
        "bytes": whole_number(item.get("size")),
        **headers_of(raw),
    }


class GetMessage(ReadOperation[GetArguments]):
    """Facts: one message with `text` and `attachments` (their names and sizes); `cut` where it was longer than 1 MB."""

    name = "messages.get"
    title = "Read a message"
    arguments = GetArguments
    route = Route(
        method="FETCH", path="/messages/{uid}", access="read", operation=name, scopes=(SCOPE,), query=FETCH_QUERY
    )

    def request(self, connection: ConnectionInfo, arguments: GetArguments) -> PreparedRequest:
        validity = None if arguments.uidvalidity is None else int(arguments.uidvalidity)
        return request_for(Fetch(arguments.mailbox, int(arguments.id), validity))

    def facts(self, arguments: GetArguments, response: ProviderResponse) -> dict[str, Any]:
        if not 200 <= response.status < 300:
            raise InvalidInput(f"the provider answered {response.status}")
        return {
            "id": arguments.id,
            "mailbox": arguments.mailbox,
            "cut": response.status == 206,
            **message_of(response.body_bytes()),
        }
