"""What an IMAP request says, as its target spells it: three commands that read, and no way to spell another.

`LIST /mailboxes`, `SEARCH /messages?mailbox=…` and `FETCH /messages/{uid}?mailbox=…`. The same functions
spell a target and read it back, in the connector and in the gateway.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl, quote, unquote, urlencode

from coco.errors import InvalidInput
from coco.requests import PreparedRequest

MAX_MAILBOX = 500
MAX_TEXT = 300
MAX_FOUND = 100
"""Messages that one search tells of."""

_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_DATE = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")


@dataclass(frozen=True)
class ListMailboxes:
    """Every mailbox that there is."""


@dataclass(frozen=True)
class Search:
    """The newest messages of a mailbox that fit every criterion given."""

    mailbox: str
    limit: int
    sender: str = ""
    to: str = ""
    subject: str = ""
    text: str = ""
    message_id: str = ""
    since: str = ""
    """YYYY-MM-DD, as is `until`; the server goes by the day that it took a message in."""
    until: str = ""
    unseen: bool = False
    below: int | None = None
    """Messages with lower ids than this one alone."""
    uidvalidity: int | None = None
    """With another one the ids of before mean nothing."""


@dataclass(frozen=True)
class Fetch:
    """One message of a mailbox, by its id there."""

    mailbox: str
    uid: int
    uidvalidity: int | None = None


Command = ListMailboxes | Search | Fetch
SEARCH_QUERY = tuple(field.name for field in fields(Search))
FETCH_QUERY = ("mailbox", "uidvalidity")


def request_for(command: Command) -> PreparedRequest:
    """The prepared request of a command. Raises InvalidInput for one that is too long or out of bounds."""
    if isinstance(command, ListMailboxes):
        return _request("LIST", "/mailboxes", {})
    given = {name: value for name, value in vars(command).items() if value not in ("", None, False)}
    spelled = {name: "true" if value is True else str(value) for name, value in given.items()}
    if isinstance(command, Search):
        return _request("SEARCH", "/messages", spelled)
    uid = spelled.pop("uid")
    return _request("FETCH", f"/messages/{uid}", spelled)


def _request(method: str, path: str, query: dict[str, str]) -> PreparedRequest:
    encoded = urlencode(sorted(query.items()), quote_via=quote)
    try:
        request = PreparedRequest.model_validate(
            {"protocol": "imap", "method": method, "target": f"{path}?{encoded}" if encoded else path}
        )
    except ValueError as error:
        raise InvalidInput("no request can be made of this: it is too long") from error
    command_of(request)
    return request


def command_of(request: PreparedRequest) -> Command:
    """What a request says. Raises InvalidInput for whatever `request_for` does not make."""
    path, _, encoded = request.target.partition("?")
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, strict_parsing=True, errors="strict") if encoded else []
    except ValueError as error:
        raise InvalidInput("the request's query is malformed") from error
    query = dict(pairs)
    if len(query) != len(pairs) or not all(_said(value) for value in query.values()):
        raise InvalidInput("the request's query is malformed")
    match request.method:
        case "LIST" if path == "/mailboxes" and not query:
            return ListMailboxes()
        case "SEARCH" if path == "/messages":
            return _search(query)
        case "FETCH" if path.startswith("/messages/") and set(query) <= set(FETCH_QUERY):
            uid = _number(unquote(path.removeprefix("/messages/")))
            return Fetch(_mailbox(query), uid, _optional_number(query, "uidvalidity"))
    raise InvalidInput("no mailbox is read like this")


def _search(query: dict[str, str]) -> Search:
    if not set(query) <= set(SEARCH_QUERY):
        raise InvalidInput("no mailbox is searched like this")
    limit = _number(query.get("limit", ""))
    for name in ("since", "until"):
        if query.get(name) and not _DATE.fullmatch(query[name]):
            raise InvalidInput(f"{name} is not a date such as 2026-01-31")
    texts = {name: query.get(name, "") for name in ("sender", "to", "subject", "text", "message_id", "since", "until")}
    if (
        limit > MAX_FOUND
        or query.get("unseen", "true") != "true"
        or any(len(text) > MAX_TEXT for text in texts.values())
    ):
        raise InvalidInput("the search is out of bounds")
    return Search(
        mailbox=_mailbox(query),
        limit=limit,
        unseen="unseen" in query,
        below=_optional_number(query, "below"),
        uidvalidity=_optional_number(query, "uidvalidity"),
        **texts,
    )


def _said(value: str) -> bool:
    """No control characters and no halves of characters: what follows in a mail session is never a text's to say."""
    return all(ord(c) >= 32 and ord(c) != 127 and not "\ud800" <= c <= "\udfff" for c in value)


def _mailbox(query: dict[str, str]) -> str:
    name = query.get("mailbox", "")
    if not name or len(name) > MAX_MAILBOX:
        raise InvalidInput("name the mailbox")
    return name


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > 0xFFFFFFFF:
        raise InvalidInput("an id is a number of up to 32 bits")
    return int(text)


def _optional_number(query: dict[str, str], name: str) -> int | None:
    return _number(query[name]) if name in query else None
