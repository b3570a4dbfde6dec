"""Providers whose pages never end, over HTTP and below a path of their own: reading ends, and says what it left out.

The requests go by the gateway's own HTTP, without its database: how fast a connection may be asked is no matter here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from activities.connectors.base import ConnectionInfo
from activities.connectors.registry import connector
from activities.playbooks.base import Notes, ReadResult
from activities.playbooks.paging import MAX_PAGES, MAX_RECORDS, PAGE_SIZE, all_pages
from activities.sandbox_reader import GatewayReader
from coco.gateway_protocol import Credential, ReadReply
from coco.requests import PreparedRequest
from sandbox.gateway.delivery.addresses import AddressPolicy, parse_base
from sandbox.gateway.delivery.http_link import HttpLink
from tests.gateway.harness import Provider, Seen, answer

PREFIX = "/simulated/provider"
Page = Callable[[list[int], str | None, str], dict[str, Any]]
"""Numbers of the records, what leads on, and the server's address: an answer."""


@dataclass(frozen=True)
class Style:
    """How a provider leads from page to page."""

    operation: str
    arguments: dict[str, Any]
    page: Page
    cursor: Callable[[Seen], str]
    """What a request asks for; empty for the first page."""
    listed: str = "results"
    """What its facts call the records."""
    numbered: bool = False
    """Pages have numbers, and a total says how many there are: there is no cursor to go wrong."""


def query(name: str) -> Callable[[Seen], str]:
    return lambda seen: parse_qs(urlsplit(seen.line.split(" ")[1]).query).get(name, [""])[0]


def body(name: str) -> Callable[[Seen], str]:
    return lambda seen: str(json.loads(seen.body).get(name, ""))


def contact(number: int) -> dict[str, Any]:
    return {"id": str(number), "properties": {}, "archived": False}


def hubspot(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    more = {"paging": {"next": {"after": after, "link": "https://elsewhere.example/"}}} if after else {}
    return {"total": 987_654, "results": [contact(number) for number in numbers], **more}


def salesforce(numbers: list[int], after: str | None, url: str) -> dict[str, Any]:
    records = [{"attributes": {"type": "User"}, "Id": f"005{number:015d}"} for number in numbers]
    more = {"nextRecordsUrl": f"{url}{PREFIX}/services/data/v60.0/query/{after}"} if after else {}
    return {"totalSize": 987_654, "done": after is None, "records": records, **more}


def outreach(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    data = [{"type": "sequence", "id": number, "attributes": {"name": "A"}} for number in numbers]
    following = f"https://api.outreach.io/api/v2/sequences?page%5Bafter%5D={after}&page%5Bsize%5D=100"
    return {"data": data, "links": {"next": following} if after else {}, "meta": {"count": 987_654}}


def gmail(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    return {"messages": [{"id": f"{n:x}", "threadId": f"{n:x}"} for n in numbers], "nextPageToken": after or ""}


def calendar(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    items = [{"kind": "calendar#calendarListEntry", "id": f"c{n}@acme.example", "summary": "A"} for n in numbers]
    return {"items": items} | ({"nextPageToken": after} if after else {})


def slack(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    channels = [{"id": f"C{n:09d}", "name": f"c{n}", "is_channel": True, "is_private": False} for n in numbers]
    return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": after or ""}}


def apollo(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    accounts = [{"id": f"a{n}", "name": "A", "domain": "a.example"} for n in numbers]
    return {
        "pagination": {"page": 1, "per_page": 100, "total_entries": 98_765, "total_pages": 988},
        "accounts": accounts,
    }


def zoominfo(numbers: list[int], after: str | None, _: str) -> dict[str, Any]:
    return {"totalResults": 98_765, "currentPage": 1, "data": [{"id": n + 1, "name": "A"} for n in numbers]}


STYLES = {
    "hubspot": Style("contacts.search", {}, hubspot, body("after")),
    "salesforce": Style(
        "records.query",
        {"object": "User", "fields": ["Id"]},
        salesforce,
        lambda seen: urlsplit(seen.line.split(" ")[1]).path.partition("/query/")[2],
    ),
    "outreach": Style("sequences.list", {}, outreach, query("page[after]")),
    "gmail": Style("messages.search", {}, gmail, query("pageToken"), "messages"),
    "google_calendar": Style("calendars.list", {}, calendar, query("pageToken"), "calendars"),
    "slack": Style("channels.list", {}, slack, query("cursor"), "channels"),
    "apollo": Style("accounts.search", {}, apollo, body("page"), numbered=True),
    "zoominfo": Style("companies.lookup", {"name": "A"}, zoominfo, body("page"), numbered=True),
}
each = pytest.mark.parametrize("name", list(STYLES))
each_with_cursors = pytest.mark.parametrize("name", [name for name, style in STYLES.items() if not style.numbered])


class Called:
    """A reader whose records are called as playbooks' are."""

    def __init__(self, reader: GatewayReader, listed: str) -> None:
        self.reader = reader
        self.listed = listed

    async def read(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> ReadResult:
        told = await self.reader.read(connection, operation, arguments)
        return replace(told, facts={**told.facts, "results": told.facts[self.listed]})

    async def prior(self, connection: ConnectionInfo, operation: str, arguments: Mapping[str, Any]) -> None:
        raise AssertionError("nothing is changed here")


class Direct:
    """What the gateway does with a read, less its checks."""

    def __init__(self, name: str, base_url: str) -> None:
        self.connector = connector(name)
        self.base = parse_base(base_url, "http")

    async def read(
        self, run_id: UUID, connection_id: UUID, request: PreparedRequest, credential: Credential
    ) -> ReadReply:
        assert self.connector.classify(request).access == "read"
        link = await HttpLink.open(self.base, credential, AddressPolicy(private=True), self.connector.auth)
        try:
            told = await link.exchange(request, 10)
        finally:
            await link.close()
        assert told.response is not None
        return ReadReply(read_id=uuid4(), response=told.response)

    async def credential(self, connection_id: UUID) -> Credential:
        return Credential(scheme=self.connector.auth.scheme, secret="a-key-of-the-simulator")

    async def another(self, connection_id: UUID, used: Credential) -> None:
        return None


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with Provider.serving() as made:
        yield made


async def read_all(
    name: str, provider: Provider, answers: Callable[[int, str], tuple[list[int], str | None]]
) -> tuple[list[dict[str, Any]], str]:
    """Every record that was read, and what the card says; `answers` has the number of a request and its cursor."""
    style = STYLES[name]

    def says(seen: Seen) -> bytes:
        path = seen.line.split(" ")[1]
        assert path.startswith(PREFIX + "/"), path
        assert seen.headers["host"] == provider.url.removeprefix("http://")
        numbers, after = answers(len(provider.seen), style.cursor(seen))
        return answer(200, style.page(numbers, after, provider.url))

    provider.says = says
    direct = Direct(name, f"{provider.url}{PREFIX}/")
    notes = Notes()
    info = ConnectionInfo(id=UUID(int=1), connector=name, title="A")
    reader = Called(GatewayReader(direct, direct, UUID(int=2)), style.listed)
    found = await all_pages(reader, notes, "records", info, style.operation, style.arguments)
    return found, notes.reasoning()


@each
async def test_no_more_than_the_cap_is_read_and_the_card_says_so(provider: Provider, name: str) -> None:
    def full(number: int, _: str) -> tuple[list[int], str]:
        return list(range(number * PAGE_SIZE, (number + 1) * PAGE_SIZE)), str(number)

    found, told = await read_all(name, provider, full)
    assert len(found) == MAX_RECORDS
    assert len(provider.seen) == MAX_RECORDS // PAGE_SIZE
    assert "further records: only the first 2,500" in told
    if name in {"hubspot", "salesforce", "outreach", "apollo", "zoominfo"}:
        assert "of the 98" in told
    # Each page was asked for by what the one before said.
    asked = [STYLES[name].cursor(seen) for seen in provider.seen[1:]]
    assert asked == [str(number + (1 if STYLES[name].numbered else 0)) for number in range(1, 25)]


@each_with_cursors
async def test_the_same_cursor_again_ends_the_reading(provider: Provider, name: str) -> None:
    found, told = await read_all(name, provider, lambda number, _: ([number], "7"))
    assert (len(found), len(provider.seen)) == (2, 2)
    assert "further records:" in told
    assert "leads back to itself" in told


@each_with_cursors
async def test_a_circle_of_several_pages_ends_the_reading(provider: Provider, name: str) -> None:
    found, told = await read_all(name, provider, lambda number, _: ([number], str(number % 3)))
    assert (len(found), len(provider.seen)) == (4, 4)
    assert "further records: the provider's pages lead in a circle, after page 4" in told


@each_with_cursors
async def test_empty_pages_that_lead_on_end_somewhere(provider: Provider, name: str) -> None:
    found, told = await read_all(name, provider, lambda number, _: ([], f"c{number}"))
    assert (found, len(provider.seen)) == ([], MAX_PAGES)
    assert "further records: reading stopped after 100 pages, with 0 found" in told


@each_with_cursors
async def test_an_empty_page_in_the_middle_is_no_end(provider: Provider, name: str) -> None:
    found, told = await read_all(
        name, provider, lambda number, _: ([] if number == 2 else [number], None if number == 3 else f"c{number}")
    )
    assert (len(found), len(provider.seen)) == (2, 3)
    assert "further" not in told


@each_with_cursors
async def test_a_cursor_that_grows_for_ever_ends_the_reading(provider: Provider, name: str) -> None:
    found, told = await read_all(name, provider, lambda number, cursor: ([number], (cursor or "c") * 2))
    assert len(found) == len(provider.seen) < 15
    assert "the provider's next page cannot be asked for" in told
    assert len(told) < 1000


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style.numbered])
async def test_numbered_pages_end_where_one_is_empty(provider: Provider, name: str) -> None:
    found, told = await read_all(name, provider, lambda number, _: ([number] if number < 3 else [], None))
    assert (len(found), len(provider.seen)) == (2, 3)
    assert "further" not in told
