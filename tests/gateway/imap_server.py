"""A mail server for the tests that speaks IMAP4rev1 on a socket: literals, EXAMINE, UID SEARCH and UID FETCH.

It notes every command as it understood it, and can be told to misbehave.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

USER, SECRET = "ada", "mail-secret-123"


@dataclass
class Mail:
    """One message in a mailbox."""

    uid: int
    raw: bytes
    flags: tuple[str, ...] = ()

    @property
    def header(self) -> bytes:
        return self.raw.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n"


Word = str | bytes
"""A word of a command as it came; a literal or quoted text as bytes."""


@dataclass
class ImapServer:
    """What there is, what was asked, and how to misbehave."""

    mailboxes: dict[str, list[Mail]] = field(default_factory=lambda: {"INBOX": []})
    """By the name as the protocol spells it."""
    uses: dict[str, str] = field(default_factory=dict)
    """What a mailbox says that it is for (RFC 6154), by its name."""
    uidvalidity: int = 1700000000
    capabilities: str = "IMAP4rev1 AUTH=PLAIN"
    tls: ssl.SSLContext | None = None
    """Offers STARTTLS where there is one."""
    instead: dict[str, bytes] = field(default_factory=dict)
    """Command -> bytes that are sent in the place of an answer; then the connection is closed."""
    hold: set[str] = field(default_factory=set)
    """Commands that are never answered."""
    commands: list[list[Word]] = field(default_factory=list)
    port: int = 0

    def said(self, command: str) -> list[list[Word]]:
        return [words for words in self.commands if words[0] == command]

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator[ImapServer]:
        made = cls()
        server = await asyncio.start_server(made._serve, "127.0.0.1", 0, limit=4_000_000)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(self, reader, writer).hold()
        except (asyncio.IncompleteReadError, OSError, ValueError):
            pass  # the other side went away, or was sent what is no IMAP
        finally:
            writer.close()


class _Conversation:
    """One connection."""

    def __init__(self, server: ImapServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server = server
        self.reader = reader
        self.writer = writer
        self.signed_in = False
        self.box: list[Mail] = []

    async def hold(self) -> None:
        self.say(b"* OK ready")
        while True:
            tag, words = await self.words()
            command = " ".join(str(word).upper() for word in words[: 2 if str(words[0]).upper() == "UID" else 1])
            self.server.commands.append([command, *words[2 if command.startswith("UID") else 1 :]])
            if command in self.server.hold:
                await asyncio.sleep(3600)
            if command in self.server.instead:
                self.writer.write(self.server.instead[command].replace(b"TAG", tag.encode()))
                await self.writer.drain()
                return
            handler = getattr(self, "do_" + command.lower().replace(" ", "_"), None)
            if handler is None:
                self.say(f"{tag} BAD what".encode())
            elif command in {"LIST", "EXAMINE", "SELECT", "UID SEARCH", "UID FETCH"} and not self.signed_in:
                self.say(f"{tag} NO sign in first".encode())
            else:
                said = await handler(tag, words[2 if command.startswith("UID") else 1 :])
                if said:
                    self.say(f"{tag} {said}".encode())
            await self.writer.drain()

    def say(self, line: bytes) -> None:
        self.writer.write(line + b"\r\n")

    async def words(self) -> tuple[str, list[Word]]:
        """A command's tag and words; asks for literals as the protocol has it."""
        found: list[Word] = []
        while True:
            line = (await self.reader.readuntil(b"\r\n"))[:-2]
            literal = re.search(rb"\{([0-9]+)\}$", line)
            text = line[: literal.start()] if literal else line
            for quoted, plain in re.findall(rb'"((?:[^"\\]|\\.)*)"|([^ "]+(?:\[[^\]]*\][^ ]*)?)', text):
                found.append(plain.decode() if plain else re.sub(rb"\\(.)", rb"\1", quoted))
            if literal is None:
                return str(found[0]), found[1:]
            self.say(b"+ go on")
            await self.writer.drain()
            found.append(await self.reader.readexactly(int(literal.group(1))))

    async def do_capability(self, tag: str, words: list[Word]) -> str:
        offered = " STARTTLS" if self.server.tls and not self.writer.get_extra_info("ssl_object") else ""
        self.say(f"* CAPABILITY {self.server.capabilities}{offered}".encode())
        return "OK done"

    async def do_starttls(self, tag: str, words: list[Word]) -> str:
        assert self.server.tls is not None
        self.say(f"{tag} OK begin".encode())
        await self.writer.drain()
        await self.writer.start_tls(self.server.tls)
        return ""

    async def do_authenticate(self, tag: str, words: list[Word]) -> str:
        self.say(b"+ ")
        await self.writer.drain()
        given = base64.b64decode((await self.reader.readuntil(b"\r\n"))[:-2]).split(b"\0")
        return self._entered(given == [b"", USER.encode(), SECRET.encode()])

    async def do_login(self, tag: str, words: list[Word]) -> str:
        return self._entered(words == [USER.encode(), SECRET.encode()])

    def _entered(self, right: bool) -> str:
        self.signed_in = right
        return "OK welcome" if right else "NO [AUTHENTICATIONFAILED] no"

    async def do_list(self, tag: str, words: list[Word]) -> str:
        for name in self.server.mailboxes:
            flags = " ".join(["\\HasNoChildren", *filter(None, [self.server.uses.get(name)])])
            self.say(f'* LIST ({flags}) "/" "{name}"'.encode())
        return "OK done"

    async def do_examine(self, tag: str, words: list[Word]) -> str:
        name = words[0].decode() if isinstance(words[0], bytes) else words[0]
        if name not in self.server.mailboxes:
            return "NO no such mailbox"
        self.box = self.server.mailboxes[name]
        self.say(rb"* FLAGS (\Seen \Answered)")
        self.say(f"* {len(self.box)} EXISTS".encode())
        self.say(f"* OK [UIDVALIDITY {self.server.uidvalidity}] valid".encode())
        return "OK [READ-ONLY] done"

    async def do_uid_search(self, tag: str, words: list[Word]) -> str:
        left, found = list(words), list(self.box)
        while left:
            key = str(left.pop(0)).upper()
            if key == "CHARSET":
                left.pop(0)
            elif key in {"FROM", "TO", "SUBJECT"}:
                found = [mail for mail in found if _has(mail.header, left[0], key.encode())]
                left.pop(0)
            elif key == "HEADER":
                name, value = str(left.pop(0)).encode(), left.pop(0)
                found = [mail for mail in found if _has(mail.header, value, name)]
            elif key == "TEXT":
                text = left.pop(0)
                found = [mail for mail in found if isinstance(text, bytes) and text.lower() in mail.raw.lower()]
            elif key == "UNSEEN":
                found = [mail for mail in found if "\\Seen" not in mail.flags]
            elif key == "UID":
                low, _, high = str(left.pop(0)).partition(":")
                found = [mail for mail in found if int(low) <= mail.uid <= int(high or low)]
            elif key in {"SINCE", "BEFORE"}:
                left.pop(0)
            elif key != "ALL":
                return "BAD what"
        self.say(b"* SEARCH" + b"".join(b" %d" % mail.uid for mail in found))
        return "OK done"

    async def do_uid_fetch(self, tag: str, words: list[Word]) -> str:
        wanted = {int(part) for part in str(words[0]).split(",")}
        asked = " ".join(str(word) for word in words[1:])
        for number, mail in enumerate(self.box, 1):
            if mail.uid not in wanted:
                continue
            part = re.search(r"BODY\.PEEK\[\]<0\.([0-9]+)>", asked)
            data = mail.raw[: int(part.group(1))] if part else mail.header
            name = "BODY[]<0>" if part else "BODY[HEADER.FIELDS (FROM)]"
            flags = " ".join(mail.flags)
            told = (
                f"* {number} FETCH (UID {mail.uid} FLAGS ({flags}) RFC822.SIZE {len(mail.raw)} {name} {{{len(data)}}}"
            )
            self.say(told.encode() + b"\r\n" + data + b")")
        return "OK done"


def _has(header: bytes, wanted: Word, name: bytes) -> bool:
    """Whether a header line of that name has the text in it."""
    lines = [line for line in header.split(b"\r\n") if line.lower().startswith(name.lower() + b":")]
    return isinstance(wanted, bytes) and any(wanted.lower() in line.lower() for line in lines)
