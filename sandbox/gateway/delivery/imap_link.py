"""IMAP to a mail server, for reading: a session that says LIST, SEARCH and FETCH, and nothing that changes anything.

Mailboxes are opened with EXAMINE and looked into with PEEK. Whatever comes from a request goes to the server as a
literal whose length is said first, so it cannot end a command; or it is a number.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date

from activities.connectors.imap.commands import Command, Fetch, ListMailboxes, Search, command_of
from coco.errors import InvalidInput
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest
from sandbox.gateway.delivery.addresses import AddressPolicy, Base
from sandbox.gateway.delivery.imap_session import Said, Session
from sandbox.gateway.delivery.imap_wire import (
    Budget,
    NotImap,
    Response,
    Token,
    TooLarge,
    decoded_name,
    encoded_name,
)
from sandbox.gateway.delivery.link import MAX_RESPONSE_BYTES, Answer, Delivery, without

MAX_MESSAGE_BYTES = 1_000_000
_HEADERS = "BODY.PEEK[HEADER.FIELDS (FROM TO CC REPLY-TO SUBJECT DATE MESSAGE-ID IN-REPLY-TO REFERENCES)]"
_NIL = "NIL"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapLink:
    """A mail session after signing in."""

    def __init__(self, session: Session, credential: Credential) -> None:
        self._session = session
        self._credential = credential
        self.written: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def open(cls, base: Base, credential: Credential, policy: AddressPolicy) -> ImapLink:
        """Raises Unreachable, or Refused where the server turns the credential down or would have it in the clear."""
        return cls(await Session.open(base, credential, policy), credential)

    async def send(self, request: PreparedRequest, seconds: float) -> Delivery:
        """Nothing is sent over IMAP."""
        return Delivery("failed", None, {"problem": "a mailbox is only read", "sent": False})

    async def exchange(self, request: PreparedRequest, seconds: float) -> Answer:
        """Reads what the request names. Raises InvalidInput for a request that says nothing readable."""
        command = command_of(request)
        answer = Answer(wrote=True)
        self._session.budget = Budget(MAX_RESPONSE_BYTES)
        try:
            async with asyncio.timeout(seconds):
                await self._read(command, answer)
        except Said as said:
            answer.status = said.status
            _tell(answer, {"error": _WHY.get(said.status, "the mail server refused")})
        except TimeoutError:
            answer.problem = "no answer in time"
        except TooLarge:
            answer.too_large, answer.problem = True, "the answer is too large"
        except NotImap:
            answer.problem = "the answer was not IMAP"
        except (OSError, EOFError):
            answer.problem = "the connection was lost"
        answer.body = without(self._credential.secret, answer.body)
        return answer

    async def _read(self, command: Command, answer: Answer) -> None:
        answer.status = 200
        match command:
            case ListMailboxes():
                _tell(answer, await self._list())
            case Search():
                _tell(answer, await self._search(command))
            case Fetch():
                message, whole = await self._fetch(command)
                answer.status = 200 if whole else 206
                answer.headers, answer.body, answer.complete = [("content-type", "message/rfc822")], message, True

    async def close(self) -> None:
        self._session.close()

    async def _list(self) -> dict[str, object]:
        outcome = (await self._session.command('LIST "" *')).check(400)
        found = []
        for response in outcome.data:
            match response.tokens():
                case ["LIST", list(flags), delimiter, name]:
                    found.append(
                        {
                            "name": decoded_name(_bytes(name)),
                            "delimiter": None if delimiter == _NIL else _text(delimiter),
                            "flags": [flag for flag in flags if isinstance(flag, str)],
                        }
                    )
        return {"mailboxes": found}

    async def _examine(self, mailbox: str, uidvalidity: int | None) -> int:
        """Opens a mailbox for reading; its UIDVALIDITY (0 where the server tells none)."""
        outcome = (await self._session.command("EXAMINE", encoded_name(mailbox))).check(404)
        validity = 0
        for response in outcome.data:
            told = response.status
            if told is not None and told[1].startswith("UIDVALIDITY "):
                validity = _number(told[1].removeprefix("UIDVALIDITY "))
        if uidvalidity is not None and uidvalidity != validity:
            raise Said(410)
        return validity

    async def _search(self, command: Search) -> dict[str, object]:
        validity = await self._examine(command.mailbox, command.uidvalidity)
        if command.below == 1:
            return {"uidvalidity": validity, "total": 0, "messages": []}
        outcome = (await self._session.command(*_criteria(command))).check(400)
        uids: set[int] = set()
        for response in outcome.data:
            tokens = response.tokens()
            if tokens and tokens[0] == "SEARCH":
                uids |= {_number(token) for token in tokens[1:]}
        newest = sorted(uids, reverse=True)[: command.limit]
        messages = await self._summaries(newest) if newest else {}
        return {
            "uidvalidity": validity,
            "total": len(uids),
            "messages": [messages[uid] for uid in newest if uid in messages],
        }

    async def _summaries(self, uids: list[int]) -> dict[int, dict[str, object]]:
        wanted = ",".join(str(uid) for uid in uids)
        outcome = (await self._session.command(f"UID FETCH {wanted} (UID FLAGS RFC822.SIZE {_HEADERS})")).check(400)
        found: dict[int, dict[str, object]] = {}
        for response in outcome.data:
            items = _items(response)
            if "UID" not in items:
                continue
            header = next((value for name, value in items.items() if name.startswith("BODY[")), b"")
            uid, flags = _number(items["UID"]), items.get("FLAGS", [])
            found[uid] = {
                "uid": uid,
                "flags": [flag for flag in flags if isinstance(flag, str)] if isinstance(flags, list) else [],
                "size": _number(items.get("RFC822.SIZE", "0")),
                # As it is, byte for byte; its encodings are the reader's to make sense of.
                "header": _bytes(header).decode("latin-1"),
            }
        return found

    async def _fetch(self, command: Fetch) -> tuple[bytes, bool]:
        """The message, and whether that is all of it."""
        await self._examine(command.mailbox, command.uidvalidity)
        wanted = f"UID FETCH {command.uid} (UID RFC822.SIZE BODY.PEEK[]<0.{MAX_MESSAGE_BYTES}>)"
        outcome = (await self._session.command(wanted)).check(400)
        for response in outcome.data:
            items = _items(response)
            if "UID" not in items or _number(items["UID"]) != command.uid:
                continue
            for name, value in items.items():
                if name.startswith("BODY["):
                    message = _bytes(value)
                    return message, _number(items.get("RFC822.SIZE", "0")) <= len(message)
        raise Said(404)


_WHY = {
    400: "the mail server refused what it was asked",
    404: "there is no such mailbox or message",
    410: "the mailbox was made anew: the ids of before mean nothing now",
    503: "the mail server has no time now",
}


def _tell(answer: Answer, value: dict[str, object]) -> None:
    """Puts a value into the answer as JSON."""
    answer.headers = [("content-type", "application/json")]
    answer.body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    answer.complete = True


def _criteria(command: Search) -> list[str | bytes]:
    """The search as the protocol says it: names and numbers as they are, texts as literals."""
    texts = (
        ("FROM", command.sender),
        ("TO", command.to),
        ("SUBJECT", command.subject),
        ("TEXT", command.text),
        ("HEADER MESSAGE-ID", command.message_id),
    )
    parts: list[str | bytes] = ["UID SEARCH"]
    if not all(text.isascii() for _, text in texts):
        parts.append("CHARSET UTF-8")
    for name, text in texts:
        if text:
            parts += [name, text.encode()]
    if command.since:
        parts.append(f"SINCE {_day(command.since)}")
    if command.until:
        parts.append(f"BEFORE {_day(command.until)}")
    if command.unseen:
        parts.append("UNSEEN")
    if command.below is not None:
        parts.append(f"UID 1:{command.below - 1}")
    return [*parts, "ALL"] if len(parts) == 1 else parts


def _day(text: str) -> str:
    """Raises InvalidInput for a day that there is not."""
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text} is not a day") from error
    return f"{day.day}-{_MONTHS[day.month - 1]}-{day.year:04}"


def _items(response: Response) -> dict[str, Token]:
    """What a FETCH response tells of one message; empty for other responses."""
    match response.tokens():
        case [str(number), "FETCH", list(pairs)] if number.isdigit() and len(pairs) % 2 == 0:
            names = pairs[::2]
            if not all(isinstance(name, str) for name in names):
                raise NotImap("a message's item without a name")
            return {str(name).upper(): value for name, value in zip(names, pairs[1::2], strict=True)}
    return {}


def _number(token: Token) -> int:
    if not isinstance(token, str) or not token.isascii() or not token.isdigit() or len(token) > 15:
        raise NotImap("no number")
    return int(token)


def _bytes(token: Token) -> bytes:
    if isinstance(token, list):
        raise NotImap("a list where a text belongs")
    if isinstance(token, bytes):
        return token
    return b"" if token.upper() == _NIL else token.encode()


def _text(token: Token) -> str:
    return _bytes(token).decode("utf-8", "replace")
