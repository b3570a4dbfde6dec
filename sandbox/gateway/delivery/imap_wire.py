"""Reading what a mail server says (RFC 3501, section 7): responses with literals, bounded, taken apart."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass, field

_LITERAL = re.compile(rb"\{([0-9]{1,10})\+?\}$")
_STATUS = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH)(?: (?:\[([^\]\r\n]{0,500})\] ?)?(.*))?$", re.IGNORECASE | re.DOTALL)
MAX_DEPTH = 20

Token = str | bytes | list["Token"]
"""An atom; a quoted text or literal; a list in parentheses."""


class NotImap(Exception):
    """The server said something that is not IMAP."""


class TooLarge(Exception):
    """More than may be read of one answer."""


@dataclass
class Budget:
    """How many bytes of an answer are still taken in."""

    left: int

    def take(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise TooLarge


@dataclass(frozen=True)
class Response:
    """One response: its tag (`*`, `+` or a command's), and what follows as text with literals in between."""

    tag: str
    parts: tuple[bytes, ...]
    """Text at even places, literals at odd ones."""

    @property
    def status(self) -> tuple[str, str, str] | None:
        """(OK, NO, BAD, BYE or PREAUTH; the code in brackets; the text), or None for a response of data."""
        found = _STATUS.match(self.parts[0])
        if found is None:
            return None
        word, code, text = (part.decode("utf-8", "replace") if part else "" for part in found.groups())
        return word.upper(), code.upper(), text

    def tokens(self) -> list[Token]:
        """Raises NotImap."""
        return _Tokens(self.parts).all()


async def read_response(reader: asyncio.StreamReader, budget: Budget) -> Response:
    """The next response. Raises NotImap, TooLarge, EOFError, OSError."""
    parts: list[bytes] = []
    while True:
        try:
            line = await reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            raise TooLarge from error
        budget.take(len(line))
        text = line[:-2]
        found = _LITERAL.search(text)
        if found is None:
            parts.append(text)
            break
        parts.append(text[: found.start()])
        size = int(found.group(1))
        budget.take(size)
        parts.append(await reader.readexactly(size))
    tag, space, rest = parts[0].partition(b" ")
    if not tag or (not space and tag != b"+") or len(tag) > 20 or not tag.isascii():
        raise NotImap("a response without a tag")
    return Response(tag.decode("ascii"), (rest, *parts[1:]))


@dataclass
class _Tokens:
    """Takes responses apart."""

    parts: tuple[bytes, ...]
    _stack: list[list[Token]] = field(default_factory=lambda: [[]])

    def all(self) -> list[Token]:
        for index, part in enumerate(self.parts):
            if index % 2:
                self._stack[-1].append(part)
            else:
                self._text(part)
        if len(self._stack) != 1:
            raise NotImap("a list that does not end")
        return self._stack[0]

    def _text(self, text: bytes) -> None:
        at = 0
        while at < len(text):
            char = text[at : at + 1]
            if char == b" ":
                at += 1
            elif char == b"(":
                inner: list[Token] = []
                self._stack[-1].append(inner)
                self._stack.append(inner)
                if len(self._stack) > MAX_DEPTH:
                    raise NotImap("lists too deep")
                at += 1
            elif char == b")":
                if len(self._stack) == 1:
                    raise NotImap("a list that does not begin")
                self._stack.pop()
                at += 1
            elif char == b'"':
                at = self._quoted(text, at + 1)
            else:
                at = self._atom(text, at)

    def _quoted(self, text: bytes, at: int) -> int:
        found = bytearray()
        while at < len(text):
            if text[at : at + 1] == b"\\":
                found += text[at + 1 : at + 2]
                at += 2
            elif text[at : at + 1] == b'"':
                self._stack[-1].append(bytes(found))
                return at + 1
            else:
                found += text[at : at + 1]
                at += 1
        raise NotImap("a text that does not end")

    def _atom(self, text: bytes, at: int) -> int:
        begin, brackets = at, 0
        while at < len(text) and (brackets or text[at : at + 1] not in b" ()"):
            brackets += {b"[": 1, b"]": -1}.get(text[at : at + 1], 0)
            at += 1
        self._stack[-1].append(text[begin:at].decode("utf-8", "replace"))
        return at


def encoded_name(name: str) -> bytes:
    """A mailbox's name as the protocol spells it: modified UTF-7 (RFC 3501, section 5.1.3)."""
    found, other = bytearray(), ""
    for char in f"{name}\0":
        if " " <= char <= "~" or char == "\0":
            if other:
                packed = base64.b64encode(other.encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
                found += b"&" + packed + b"-"
                other = ""
            found += b"&-" if char == "&" else char.encode().strip(b"\0")
        else:
            other += char
    return bytes(found)


def decoded_name(raw: bytes) -> str:
    """The name that it stands for; what is not spelled so is taken as it is."""

    def plain(found: re.Match[bytes]) -> bytes:
        packed = found.group(1).replace(b",", b"/")
        if not packed:
            return b"&"
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True).decode("utf-16-be").encode()

    try:
        return re.sub(rb"&([A-Za-z0-9+,]*)-", plain, raw).decode("utf-8")
    except ValueError:
        return raw.decode("utf-8", "replace")
