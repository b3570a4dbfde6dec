"""A session with a mail server: signing in, and commands with their answers, one after the other."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field

from coco.errors import Code, Refused
from coco.gateway_protocol import Credential
from sandbox.gateway.delivery.addresses import AddressPolicy, Base, Unreachable, is_loopback
from sandbox.gateway.delivery.imap_wire import Budget, NotImap, Response, TooLarge, read_response
from sandbox.gateway.delivery.link import MAX_RESPONSE_BYTES, CredentialRefused, tls_context
from sandbox.gateway.delivery.streams import open_streams

_BUSY = ("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "OVERQUOTA", "CONTACTADMIN")
"""Codes of RFC 5530 that speak of the server, not of what it was asked."""


class Said(Exception):
    """The server turned a command down."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass
class Outcome:
    """How a command ended."""

    word: str
    code: str
    data: list[Response] = field(default_factory=list)

    def check(self, otherwise: int) -> Outcome:
        """Raises Said where the server did not do it: 503 where it has no time, `otherwise` for other reasons."""
        if self.word == "OK":
            return self
        raise Said(503 if self.word == "BYE" or self.code.split(" ")[0] in _BUSY else otherwise)


class Session:
    """Commands and their answers, one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.budget = Budget(MAX_RESPONSE_BYTES)
        self._count = 0

    @classmethod
    async def open(cls, base: Base, credential: Credential, policy: AddressPolicy) -> Session:
        """A session that is signed in.

        Raises Unreachable, or Refused where the server turns the credential down or would have it in the clear.
        """
        reader, writer = await open_streams(base, policy, MAX_RESPONSE_BYTES, "mail server")
        session = cls(reader, writer)
        try:
            await _sign_in(session, base, credential)
        except (NotImap, TooLarge, Said, EOFError, OSError) as error:
            session.close()
            raise Unreachable("no session with the mail server came about") from error
        except BaseException:
            session.close()
            raise
        return session

    def close(self) -> None:
        # Aborted, not closed: a server that does not answer a TLS goodbye would hold the slot.
        self.writer.transport.abort()

    async def command(self, *parts: str | bytes) -> Outcome:
        """Says a command: texts as they are, bytes as literals. Raises NotImap, TooLarge, EOFError, OSError."""
        self._count += 1
        tag = f"c{self._count}"
        data: list[Response] = []
        self.writer.write(tag.encode())
        for part in parts:
            if isinstance(part, str):
                self.writer.write(f" {part}".encode("ascii"))
                continue
            self.writer.write(b" {%d}\r\n" % len(part))
            await self.writer.drain()
            ended = await self._until(tag, data, go_on=True)
            if ended is not None:
                return ended
            self.writer.write(part)
        self.writer.write(b"\r\n")
        await self.writer.drain()
        ended = await self._until(tag, data)
        assert ended is not None
        return ended

    async def challenge(self, mechanism: str, reply: bytes) -> Outcome:
        """Signs in by a mechanism that asks once."""
        self._count += 1
        tag, data = f"c{self._count}", list[Response]()
        self.writer.write(f"{tag} AUTHENTICATE {mechanism}\r\n".encode("ascii"))
        await self.writer.drain()
        ended = await self._until(tag, data, go_on=True)
        if ended is None:
            self.writer.write(base64.b64encode(reply) + b"\r\n")
            await self.writer.drain()
            ended = await self._until(tag, data)
        assert ended is not None
        return ended

    async def _until(self, tag: str, data: list[Response], *, go_on: bool = False) -> Outcome | None:
        """How the command ended; with `go_on`, None once the server wants to hear more of it."""
        while True:
            response = await read_response(self.reader, self.budget)
            told = response.status
            if response.tag == tag and told is not None and told[0] in {"OK", "NO", "BAD"}:
                return Outcome(told[0], told[1], data)
            if response.tag == "+" and go_on:
                return None
            if response.tag != "*":
                raise NotImap("an answer to something else")
            if told is not None and told[0] == "BYE":
                return Outcome("BYE", told[1], data)
            data.append(response)


async def _sign_in(session: Session, base: Base, credential: Credential) -> None:
    greeting = await read_response(session.reader, session.budget)
    if greeting.tag != "*" or greeting.status is None or greeting.status[0] != "OK":
        raise NotImap("no greeting")
    able = await _capabilities(session)
    if not base.tls and "STARTTLS" in able:
        (await session.command("STARTTLS")).check(400)
        # What came in before the encryption may be anybody's; the library drops none of it by itself.
        if session.reader._buffer:  # type: ignore[attr-defined]
            raise NotImap("something was said before the encryption began")
        await session.writer.start_tls(tls_context(), server_hostname=base.host)
        able = await _capabilities(session)
    elif not base.tls and not is_loopback(session.writer.get_extra_info("socket")):
        raise Refused("the mail server offers no encryption for the password", code=Code.CONNECTION_UNUSABLE)
    user, secret = credential.username.encode(), credential.secret.encode()
    if "AUTH=PLAIN" in able:
        outcome = await session.challenge("PLAIN", b"\0".join((b"", user, secret)))
    elif "LOGINDISABLED" in able:
        raise Refused("the mail server takes no password", code=Code.CONNECTION_UNUSABLE)
    else:
        outcome = await session.command("LOGIN", user, secret)
    try:
        outcome.check(401)
    except Said as said:
        if said.status != 401:
            raise
        raise CredentialRefused("the mail server turned the credential down") from said


async def _capabilities(session: Session) -> frozenset[str]:
    outcome = (await session.command("CAPABILITY")).check(400)
    found: set[str] = set()
    for response in outcome.data:
        tokens = response.tokens()
        if tokens and tokens[0] == "CAPABILITY":
            found |= {token.upper() for token in tokens[1:] if isinstance(token, str)}
    return frozenset(found)
