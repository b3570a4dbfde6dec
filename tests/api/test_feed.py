"""The live feed over a real server: who may open it, what it carries, when it ends."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from api.public.feed import MAX_FEEDS
from api.tokens import OPERATOR, Tokens
from store import events
from tests.api.cards import Card, make_card
from tests.api.people import Person, sign_up
from tests.api.serving import Served, serve
from tests.conftest import Postgres

SECONDS = 20
"""Longest wait for something that comes at once; never waited out when all is well."""


@pytest.fixture
def served(postgres: Postgres) -> Iterator[Served]:
    with serve(postgres) as served:
        yield served


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url) as client:
        yield client


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id)


def feed(served: Served, query: str = "", **kwargs: Any) -> connect:
    return connect(f"{served.url.replace('http', 'ws')}/api/v1/feed{query}", **kwargs)


def bearer(person: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {person.token}"}


async def message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(SECONDS):
        return dict(json.loads(await socket.recv()))


async def closing_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(SECONDS):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None


async def test_it_follows_a_decision_live(served: Served, ada: Person, card: Card) -> None:
    async with feed(served, f"?run={card.run_id}", additional_headers=bearer(ada)) as socket:
        await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
        told = await message(socket)
    assert (told["kind"], told["run_id"]) == ("action", str(card.run_id))
    assert told["body"] == {"id": str(card.action.id), "state": "approved"}


async def test_a_token_may_come_as_a_subprotocol_or_as_our_own_pages_cookie(
    served: Served, ada: Person, card: Card
) -> None:
    async with feed(served, subprotocols=["coco.feed.v1", f"coco.bearer.{ada.token}"]) as socket:
        assert socket.subprotocol == "coco.feed.v1"
    cookie = {"cookie": f"coco_access={ada.token}"}
    async with feed(served, additional_headers=cookie, origin=served.url):
        pass
    for origin in (None, "http://evil.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            async with feed(served, additional_headers=cookie, origin=origin):
                pass
        assert refused.value.response.status_code == 403


async def test_another_site_may_not_open_it_even_with_a_token(served: Served, ada: Person) -> None:
    with pytest.raises(InvalidStatus):
        async with feed(served, additional_headers=bearer(ada), origin="http://evil.example"):
            pass


async def test_no_upgrade_without_a_token_that_holds(served: Served, ada: Person, postgres: Postgres) -> None:
    operator = Tokens(postgres.master, audience=OPERATOR, access_seconds=900)
    expired = served.parts.tokens.access(ada.user_id, ada.session_id, now=time.time() - 901)
    for token in ("", "x", expired, operator.access(ada.user_id, ada.session_id), ada.refresh):
        with pytest.raises(InvalidStatus):
            async with feed(served, additional_headers={"authorization": f"Bearer {token}"}):
                pass
    with pytest.raises(InvalidStatus):
        async with feed(served):
            pass
    await ada.post("/auth/logout", status=204)
    with pytest.raises(InvalidStatus):
        async with feed(served, additional_headers=bearer(ada)):
            pass


async def test_another_users_run_cannot_be_followed(
    served: Served, ada: Person, card: Card, client: httpx.AsyncClient
) -> None:
    eve = await sign_up(client, "eve@example.com")
    with pytest.raises(InvalidStatus):
        async with feed(served, f"?run={card.run_id}", additional_headers=bearer(eve)):
            pass
    async with (
        feed(served, additional_headers=bearer(eve)) as hers,
        feed(served, additional_headers=bearer(ada)) as his,
    ):
        await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
        assert (await message(his))["kind"] == "action"
        await eve.client.post("/api/v1/auth/login", json={"email": "eve@example.com", "password": "wrong one here"})
        async with served.parts.database.user(eve.user_id) as session:
            await events.tell(session, eve.user_id, "connection", body={"id": "hers"})
        # Her own failed sign-in is told to her, and nothing of his approval.
        assert (await message(hers))["body"]["kind"] == "sign_in_failed"
        assert (await message(hers))["body"] == {"id": "hers"}


async def test_signing_out_closes_the_feeds_of_that_session_at_once(
    served: Served, ada: Person, client: httpx.AsyncClient
) -> None:
    async with feed(served, additional_headers=bearer(ada)) as socket:
        await ada.post("/auth/logout", status=204)
        assert await closing_code(socket) == 4401


async def test_a_feed_ends_when_its_token_expires(served: Served, ada: Person) -> None:
    soon = served.parts.tokens.access(ada.user_id, ada.session_id, now=time.time() - 898)
    async with feed(served, additional_headers={"authorization": f"Bearer {soon}"}) as socket:
        assert await closing_code(socket) == 4401


async def test_it_resumes_after_the_last_event_seen(served: Served, ada: Person, postgres: Postgres) -> None:
    card = await make_card(postgres, ada.user_id, updates=3)
    ids = []
    async with feed(served, f"?run={card.run_id}&after=0", additional_headers=bearer(ada)) as socket:
        for row in card.actions:
            await ada.post(f"/actions/{row.id}/approve", {"digest": row.digest})
        while len(ids) < 4:
            ids.append((await message(socket))["id"])
    assert ids == sorted(set(ids))
    async with feed(served, f"?run={card.run_id}&after={ids[1]}", additional_headers=bearer(ada)) as socket:
        again = [(await message(socket))["id"] for _ in range(2)]
    assert again == ids[2:]


async def test_an_event_whose_transaction_commits_late_is_still_told_once(
    served: Served, ada: Person, postgres: Postgres
) -> None:
    """Ids are given out before commits, so a lower one can become visible after a higher one."""
    async with feed(served, additional_headers=bearer(ada)) as socket:
        async with postgres.control.user(ada.user_id) as slow:
            await events.tell(slow, ada.user_id, "first", body={})
            async with postgres.control.user(ada.user_id) as quick:
                await events.tell(quick, ada.user_id, "second", body={})
            seen = [(await message(socket))["kind"]]
        seen.append((await message(socket))["kind"])
        async with postgres.control.user(ada.user_id) as session:
            await events.tell(session, ada.user_id, "third", body={})
        seen.append((await message(socket))["kind"])
    assert seen == ["second", "first", "third"]


async def test_it_goes_on_after_the_listening_connection_was_lost(
    served: Served, ada: Person, postgres: Postgres
) -> None:
    async with feed(served, additional_headers=bearer(ada)) as socket:
        with postgres.connect() as owner:
            killed = owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE query = 'LISTEN coco_events' AND datname = current_database()"
            ).fetchall()
        assert killed == [(True,)]
        async with postgres.control.user(ada.user_id) as session:
            await events.tell(session, ada.user_id, "while deaf", body={})
        assert (await message(socket))["kind"] == "while deaf"


async def test_open_feeds_per_user_are_bounded(served: Served, ada: Person) -> None:
    sockets = [await feed(served, additional_headers=bearer(ada)) for _ in range(MAX_FEEDS)]
    with pytest.raises(InvalidStatus):
        await feed(served, additional_headers=bearer(ada))
    for socket in sockets:
        await socket.close()


async def test_what_a_client_says_is_ignored_and_bounded(served: Served, ada: Person, card: Card) -> None:
    async with feed(served, additional_headers=bearer(ada)) as socket:
        await socket.send('{"approve": "everything"}')
        await socket.send(b"\x00\xff")
        await ada.post(f"/actions/{card.action.id}/reject", {"digest": card.action.digest, "reason": "no"})
        assert (await message(socket))["body"]["state"] == "rejected"
        await socket.send("x" * 100_000)
        assert await closing_code(socket) in {1009, None}
