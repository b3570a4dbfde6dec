"""The live feed: one WebSocket per watching page, authenticated at its upgrade and watched ever after.

Messages are `{"id", "kind", "run_id", "body", "at"}`, in order of delivery; give the last `id` as `after` to resume.
The feed says that something happened; what is true is on the card.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from starlette.datastructures import Headers

from api.public.cookies import access_cookie
from api.public.events import Bell
from api.public.identity import verified
from api.public.parts import Parts, parts_of
from api.tokens import Identity, not_signed_in
from coco.errors import Code, NotFound, Refused
from store import accounts, runs
from store.tables import Event

log = logging.getLogger(__name__)
router = APIRouter()

PROTOCOL = "coco.feed.v1"
BEARER_PROTOCOL = "coco.bearer."
"""A client that cannot set headers offers `coco.feed.v1` and `coco.bearer.<access token>` as subprotocols."""
CHECK_SECONDS = 15.0
"""Longest time between two looks at the session."""
MAX_FEEDS = 20
"""Open feeds per user and process."""
PAGE = 200
REMEMBERED = 1000
"""How far back the ids already sent are kept, so that none is sent twice."""
UNAUTHENTICATED, NOT_FOUND, TOO_MANY, FOREIGN = 4401, 4404, 4429, 4403


@router.websocket("/api/v1/feed")
async def feed(
    socket: WebSocket,
    run: Annotated[UUID | None, Query()] = None,
    after: Annotated[int | None, Query(ge=0, le=2**62)] = None,
) -> None:
    """Follows this user's events, or one run's. Closes with 4401 when the sign-in ends or its token expires."""
    parts = parts_of(socket)
    try:
        identity, protocol = await _authenticated(parts, socket)
    except Refused as error:
        code = FOREIGN if error.code is Code.FORBIDDEN else UNAUTHENTICATED
        await socket.close(code, reason=error.message)
        return
    try:
        async with parts.reading(identity.user_id) as session:
            if run is not None:
                await runs.get_run(session, identity.user_id, run)
            last = after if after is not None else await _newest(session, identity.user_id)
    except NotFound as error:
        await socket.close(NOT_FOUND, reason=error.message)
        return
    if parts.hub.count(identity.user_id) >= MAX_FEEDS:
        await socket.close(TOO_MANY, reason="Too many open feeds; close a page.")
        return
    await socket.accept(subprotocol=protocol)
    with parts.hub.bell(identity.user_id) as bell:
        sender = asyncio.create_task(_send(parts, socket, identity, bell, run, last))
        reader = asyncio.create_task(_drain(socket))
        await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
        for task in (sender, reader):
            task.cancel()
        for outcome in await asyncio.gather(sender, reader, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect | RuntimeError):
                log.error("a feed ended on an error", exc_info=outcome)


async def _authenticated(parts: Parts, socket: WebSocket) -> tuple[Identity, str | None]:
    """The caller and the subprotocol to agree on. A cookie counts only from our own origin."""
    headers: Headers = socket.headers
    offered = [item.strip() for item in headers.get("sec-websocket-protocol", "").split(",")]
    protocol = PROTOCOL if PROTOCOL in offered else None
    origin = headers.get("origin")
    if origin is not None and not parts.origins.is_own(origin):
        raise Refused("This page may not follow the feed.", code=Code.FORBIDDEN)
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return await verified(parts, token.strip()), protocol
    for item in offered:
        if item.startswith(BEARER_PROTOCOL):
            return await verified(parts, item.removeprefix(BEARER_PROTOCOL)), protocol
    cookie = access_cookie(parts, socket)
    if cookie is None or origin is None:
        raise not_signed_in()
    return await verified(parts, cookie), protocol


async def _send(parts: Parts, socket: WebSocket, identity: Identity, bell: Bell, run: UUID | None, last: int) -> None:
    """Sends what is new until the sign-in ends."""
    heard: set[int] = set()
    sent: set[int] = set()
    while True:
        async with parts.reading(identity.user_id) as session:
            live = await accounts.is_live(session, identity.user_id, identity.session_id)
            rows = await _events(session, identity.user_id, run, last, heard - sent) if live else []
        if not live or time.time() >= identity.expires:
            await socket.close(UNAUTHENTICATED, reason="Sign in again.")
            return
        for row in rows:
            await socket.send_json(_message(row))
            sent.add(row.id or 0)
            last = max(last, row.id or 0)
        sent = {item for item in sent if item > last - REMEMBERED}
        if len(rows) == PAGE:
            continue
        heard = await bell.wait(min(CHECK_SECONDS, max(0.1, identity.expires - time.time())))


async def _events(session: AsyncSession, user_id: UUID, run: UUID | None, last: int, heard: set[int]) -> list[Event]:
    """Rows after `last`, and those just heard of: ids are given before commits, so one may come late."""
    query = (
        select(Event)
        .where(col(Event.user_id) == user_id, or_(col(Event.id) > last, col(Event.id).in_(heard)))
        .order_by(col(Event.id))
        .limit(PAGE)
    )
    if run is not None:
        query = query.where(col(Event.run_id) == run)
    return list((await session.execute(query)).scalars())


async def _newest(session: AsyncSession, user_id: UUID) -> int:
    found = await session.execute(
        select(col(Event.id)).where(col(Event.user_id) == user_id).order_by(col(Event.id).desc()).limit(1)
    )
    return found.scalar_one_or_none() or 0


def _message(row: Event) -> dict[str, Any]:
    return {
        "id": row.id,
        "kind": row.kind,
        "run_id": str(row.run_id) if row.run_id else None,
        "body": row.body,
        "at": row.at.isoformat(),
    }


async def _drain(socket: WebSocket) -> None:
    """Notices the other side leaving; what it says is of no interest."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue
