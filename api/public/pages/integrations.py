"""Integrations: the connected tools, what each may do, how it is doing, and every call that was made with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from activities.connectors.registry import CONNECTORS
from api.errors import TooManyRequests, describe, status_of
from api.public import connecting, setting_up
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.connections import ConnectionState
from coco.errors import CocoError
from store import calls, connection_tests, connections, pacing, revoking, views
from store.connections import is_old_key
from store.credentials import Attempt
from store.tables import CallRow, Connection, utc_now

router = APIRouter(include_in_schema=False)

SHOWN_CALLS = 50

OUTCOMES = {
    "answered": ("answered", "done"),
    "done": ("done", "done"),
    "failed": ("refused by the provider", "bad"),
    "unknown": ("outcome unknown", "warn"),
    "turned_away": ("turned away", "warn"),
    "throttled": ("asked to wait", "wait"),
    "no_answer": ("no answer", "bad"),
    "refused": ("key refused", "bad"),
    "dropped": ("dropped: revoked meanwhile", "off"),
}
TEST_OUTCOMES = {
    "pending": "it is being asked.",
    "works": "it works.",
    "unchecked": "not asked.",
    "refused": "refused.",
    "scopes_missing": "it may do too little.",
    "unreachable": "no answer.",
    "expired": "not in time.",
}
"""What became of a test; the attempt's reason follows."""
KINDS = {"read": "Read", "prior": "Read before a change", "send": "Change", "check": "Test"}


@dataclass(frozen=True)
class Shown:
    """A connection as its page and the list show it."""

    row: Connection
    scopes: tuple[str, ...]
    """In plain words, reads first."""
    key_since: datetime
    key_is_old: bool
    waits: tuple[float, str] | None
    """Seconds, and why, where its provider is left alone right now."""
    runs: int
    """Runs that depend on it and have not ended."""
    test: Attempt | None = None
    """The newest test of what it has."""

    @property
    def tested(self) -> str:
        """What became of the newest test, in a sentence or two."""
        assert self.test is not None
        return f"{TEST_OUTCOMES.get(self.test.state, self.test.state)} {self.test.reason}".strip()

    @property
    def is_broken(self) -> bool:
        return self.row.state in {ConnectionState.NEEDS_RECONNECTION, ConnectionState.REVOKED}

    @property
    def is_usable(self) -> bool:
        return self.row.state in {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}


@dataclass(frozen=True)
class CallLine:
    row: CallRow
    title: str
    kind: str
    outcome: tuple[str, str]


def plain_scopes(row: Connection) -> tuple[str, ...]:
    """What was granted, in the words of the connector's manifest; a name that it does not know is shown as it is."""
    kind = CONNECTORS.get(row.connector)
    known = {scope.name: scope for scope in kind.scopes} if kind else {}
    granted = sorted(row.scopes, key=lambda name: (name in known and known[name].access == "write", name))
    return tuple(known[name].allows if name in known else name for name in granted)


async def _shown(visitor: Visitor, rows: list[Connection]) -> list[Shown]:
    async with visitor.parts.reading(visitor.user_id) as session:
        waits = await pacing.waiting(session, visitor.user_id, [row.id for row in rows])
        tests = await connection_tests.latest(session, visitor.user_id)
        depend = {row.id: len(await revoking.dependents(session, visitor.user_id, row.id)) for row in rows}
    now = utc_now()
    return [
        Shown(
            row=row,
            scopes=plain_scopes(row),
            key_since=row.credential_set_at or row.created_at,
            key_is_old=is_old_key(row, now),
            waits=waits.get(row.id),
            runs=depend[row.id],
            test=tests.get(row.id),
        )
        for row in rows
    ]


async def list_page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    """All connections, with what went wrong where something did."""
    async with visitor.parts.reading(visitor.user_id) as session:
        rows = await connections.listed(session, visitor.user_id)
    order = {"needs_reconnection": 0, "active": 1, "read_only": 1, "checking": 1, "revoked": 2}
    rows.sort(key=lambda row: order.get(row.state, 1))
    return await own_page(
        request,
        visitor,
        "integrations.html",
        here="connections",
        status=status,
        problem=problem,
        integrations=await _shown(visitor, rows),
        connectors=list(CONNECTORS.values()),
        feed="all",
    )


async def one_page(
    request: Request,
    visitor: Visitor,
    connection_id: UUID,
    *,
    before: int | None = None,
    status: int = 200,
    problem: str = "",
) -> HTMLResponse:
    """One connection with its calls. Raises NotFound."""
    async with visitor.parts.reading(visitor.user_id) as session:
        row = await connections.get(session, visitor.user_id, connection_id)
        found, older = await calls.of_connection(
            session, visitor.user_id, connection_id, before=before, limit=SHOWN_CALLS
        )
        held = [
            await views.run(session, visitor.user_id, run_id)
            for run_id in (await revoking.dependents(session, visitor.user_id, connection_id))[:20]
        ]
    return await own_page(
        request,
        visitor,
        "integration.html",
        here="connections",
        status=status,
        problem=problem,
        item=(await _shown(visitor, [row]))[0],
        calls=[_line(call) for call in found],
        older=older,
        first=before is None,
        runs=held,
        feed="all" if before is None else "",
    )


def _line(row: CallRow) -> CallLine:
    title = row.operation
    for kind in CONNECTORS.values():
        operation: Any = kind.operations.get(row.operation)
        if operation is not None and operation.route.path == row.path:
            title = operation.title
    return CallLine(row, title, KINDS.get(row.kind, row.kind), OUTCOMES.get(row.outcome, (row.outcome, "off")))


@router.get("/connections")
async def connections_list(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The connected tools."""
    return await list_page(request, visitor)


@router.get("/connections/{connection_id}")
async def one(
    request: Request,
    connection_id: UUID,
    visitor: VisitorDep,
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> HTMLResponse:
    """One of them, and each call that was made with it."""
    return await one_page(request, visitor, connection_id, before=before)


@router.post("/connections/{connection_id}/state")
async def set_state(request: Request, connection_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Makes it active, read-only or revoked; returns when nothing leaves by what was taken away."""
    try:
        await setting_up.set_connection_state(visitor.parts, visitor.user_id, connection_id, text_of(form, "state"))
    except CocoError as error:
        status = status_of(error)
        if text_of(form, "back") == "one":
            return await one_page(request, visitor, connection_id, status=status, problem=error.message)
        return await list_page(request, visitor, status=status, problem=error.message)
    back = f"/connections/{connection_id}" if text_of(form, "back") == "one" else "/connections"
    return RedirectResponse(back, status_code=303)


@router.post("/connections/{connection_id}/test")
async def test(request: Request, connection_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Tests what it has at the provider; the page says what became of it."""
    on_own_page = text_of(form, "back") == "one"
    try:
        await connecting.try_again(visitor.parts, visitor.user_id, connection_id)
    except (CocoError, TooManyRequests) as error:
        status, _, problem = describe(error)
        if on_own_page:
            return await one_page(request, visitor, connection_id, status=status, problem=problem)
        return await list_page(request, visitor, status=status, problem=problem)
    back = f"/connections/{connection_id}" if on_own_page else f"/connections#connection-{connection_id}"
    return RedirectResponse(back, status_code=303)
