"""Learning how somebody writes: a bounded number of their own sent messages, read on their request and not kept.

Each read is asked for here, made by the connector's own function, and goes out through the owner's sandbox and the
gateway. What comes back is looked at once, by a pure function, and removed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from api.public.parts import Parts
from coco import voice as voices_of
from coco.connections import ConnectionState
from coco.errors import CocoError, InvalidInput
from coco.requests import ProviderResponse
from store import asked_reads, connections, voices
from store.tables import Connection
from store.tables_asking import AskedRead, VoiceRow

POLL_SECONDS = 0.2
MAILBOXES = ("gmail", "imap")
"""Connectors whose sent messages can be read."""
NO_ANSWER = "Nothing was read: the connection was revoked meanwhile, or it took too long. Try again."
NO_SENT = "the mailbox has no folder that it calls the one for sent messages"


@dataclass(frozen=True)
class Next:
    """What follows from the reads of a step: the next one's operation and arguments, or the messages' texts."""

    step: str = ""
    operation: str = ""
    arguments: tuple[dict[str, Any], ...] = ()
    texts: tuple[str, ...] = ()


async def mailboxes(session: AsyncSession, user_id: UUID) -> list[Connection]:
    """The connections that a voice can be learned through."""
    usable = {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}
    found = await connections.listed(session, user_id)
    return [row for row in found if row.connector in MAILBOXES and row.state in usable]


async def learn(parts: Parts, user_id: UUID, connection_id: UUID) -> VoiceRow:
    """Begins, and waits for a moment; still `learning` where it takes longer.

    Raises Refused (TIER, CONNECTION_UNUSABLE), NotFound, InvalidInput.
    """
    async with parts.writing(user_id) as session:
        row = await connections.get(session, user_id, connection_id)
        if row.connector not in MAILBOXES:
            raise InvalidInput("connection_id: a voice is learned through a mailbox that can be read")
        first = _first(row.connector)
        made = await voices.begin(session, user_id, row.id, first.step)
        await _ask(session, made, row, first)
        await connections.want_sandbox(session, user_id)
    return await awaited(parts, user_id, made.id)


async def awaited(parts: Parts, user_id: UUID, voice_id: UUID) -> VoiceRow:
    """The voice once it was learned or failed, or as it is when the wait is over. Raises NotFound."""
    until = asyncio.get_running_loop().time() + parts.check_wait_seconds
    while True:
        row = await _taken(parts, user_id, voice_id)
        if row.state != "learning" or asyncio.get_running_loop().time() >= until:
            return row
        await asyncio.sleep(POLL_SECONDS)


async def _taken(parts: Parts, user_id: UUID, voice_id: UUID) -> VoiceRow:
    """Makes of a step's answers, once all are there, what follows from them."""
    async with parts.writing(user_id) as session:
        row = await voices.get(session, user_id, voice_id, lock=True)
        if row.state != "learning":
            return row
        batch = await asked_reads.of_batch(session, user_id, voice_id)
        if any(one.state == "pending" for one in batch):
            return row
        connection = await connections.get(session, user_id, row.connection_id)
        try:
            then = _after(row, connection, batch)
            if then.step:
                await voices.set_step(session, row, then.step)
                await _ask(session, row, connection, then)
            else:
                learned = await asyncio.to_thread(voices_of.learned, then.texts)
                await voices.was_learned(session, row, learned, len(then.texts))
        except CocoError as error:
            await voices.failed(session, row, f"Nothing was learned: {error.message.removesuffix('.')}.")
        return row


def _first(name: str) -> Next:
    if name == "imap":
        return Next("folder", "mailboxes.list", ({},))
    return Next("list", "messages.search", ({"labels": ["SENT"], "limit": voices_of.MAX_MESSAGES},))


def _after(row: VoiceRow, connection: Connection, batch: Sequence[AskedRead]) -> Next:
    """Raises InvalidInput, saying why nothing can be learned."""
    answers = [ProviderResponse.model_validate(one.response) for one in batch if one.state == "answered"]
    if not answers:
        raise InvalidInput(batch[0].reason if batch else NO_ANSWER)
    known = connector(connection.connector)
    most = voices_of.MAX_MESSAGES
    if row.step == "folder":
        operation = known.read("mailboxes.list")
        boxes = operation.facts(operation.parse({}), answers[0])["results"]
        sent = next((one["id"] for one in boxes if any(flag.casefold() == "\\sent" for flag in one["flags"])), None)
        if sent is None:
            raise InvalidInput(NO_SENT)
        return Next("list", "messages.search", ({"mailbox": sent, "limit": most},))
    if row.step == "list":
        operation = known.read("messages.search")
        told = operation.facts(operation.parse({}), answers[0])
        if connection.connector == "imap":
            box = _mailbox(batch[0])
            wanted = [{"mailbox": box, "id": one["id"], "uidvalidity": one["uidvalidity"]} for one in told["results"]]
        else:
            wanted = [{"id": one["id"]} for one in told["messages"]]
        if not wanted:
            raise InvalidInput("there are no sent messages")
        return Next("messages", "messages.get", tuple(wanted[:most]))
    operation = known.read("messages.get")
    texts = []
    for answer in answers:
        try:
            message = operation.facts(operation.parse({"id": "1"}), answer)
        except InvalidInput:
            continue
        if connection.connector == "imap" or "SENT" in message["labels"]:
            texts.append(message["text"] or "")
    return Next(texts=tuple(texts))


def _mailbox(read: AskedRead) -> str:
    """The folder that a search was of: what was asked for is the control side's own."""
    from urllib.parse import parse_qs, urlsplit

    [mailbox] = parse_qs(urlsplit(str(read.request["target"])).query)["mailbox"]
    return mailbox


async def _ask(session: AsyncSession, row: VoiceRow, connection: Connection, then: Next) -> None:
    operation = connector(connection.connector).read(then.operation)
    info = ConnectionInfo(
        id=connection.id, connector=connection.connector, title=connection.title, settings=connection.settings
    )
    requests = [operation.request(info, operation.parse(arguments)) for arguments in then.arguments]
    await asked_reads.ask(session, row.user_id, connection.id, requests, "voice", row.id)
