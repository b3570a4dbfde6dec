"""The activity page: the audit entries, searched, filtered and paged by plain links and forms; and their export."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public import reviewing
from api.public.audit_files import export
from api.public.guarding import gated
from api.public.pages import wording
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.parts import Parts
from coco.actions import ActionState
from coco.audit import AuditKind
from coco.errors import CocoError, InvalidInput, NotFound
from store import approvals, audit_checkpoints, connections, feed, ways_back, workflows
from store.feed import STATES, Filter
from store.tables import ActionRow
from store.views import ActivityView, Page
from store.ways_back import Way

router = APIRouter(include_in_schema=False)

FIELDS = ("q", "person", "workflow", "run", "connection", "operation", "what", "since", "until", "cost")
PEOPLE = {
    "user": "You",
    "guardrail": "A guardrail",
    "schedule": "A schedule",
    "hook": "A webhook",
    "operator": "An operator",
    "system": "Coco",
}
ACTIONS = (
    "done", "failed", "drifted", "outcome_unknown", "approved", "rejected", "edited", "settled", "covered", "notified",
    "returned", "reviewed", "refused",
)  # fmt: skip
"""What happens to actions, in the order of the list; every other kind comes after."""

Text = Annotated[str, Query(max_length=200)]


def filter_of(given: dict[str, str]) -> Filter:
    """The filter that the form's fields ask for. `until` is a day, and that day counts. Raises InvalidInput."""
    values: dict[str, Any] = {
        name: given[name].strip()
        for name in ("q", "person", "workflow", "run", "connection", "operation")
        if given.get(name, "").strip()
    }
    what = given.get("what", "")
    if what in STATES:
        values["state"] = what
    elif what:
        values["kind"] = what
    if given.get("since"):
        values["since"] = _day(given["since"])
    if given.get("until"):
        values["until"] = _day(given["until"]) + timedelta(days=1)
    if given.get("cost", "").strip():
        values["cost_from"] = given["cost"].strip()
    try:
        found = Filter.model_validate(values)
    except ValidationError as error:
        name = str(error.errors()[0]["loc"][0])
        raise InvalidInput(f"Nothing was searched: {_NAMES.get(name, name)} is not one that there is.") from error
    feed.check(found)
    return found


_NAMES = {"cost_from": "the cost", "kind": "what happened", "workflow": "the workflow", "connection": "the connection"}


def _day(text: str) -> datetime:
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, tzinfo=UTC)
    except ValueError as error:
        raise InvalidInput("Nothing was searched: write a day as 2026-01-31.") from error


@router.get("/activity")
async def activity(
    request: Request,
    visitor: VisitorDep,
    q: Text = "",
    person: Text = "",
    workflow: Text = "",
    run: Text = "",
    connection: Text = "",
    operation: Text = "",
    what: Text = "",
    since: Text = "",
    until: Text = "",
    cost: Text = "",
    cursor: Text = "",
) -> HTMLResponse:
    """Everything that happened, newest first."""
    given = dict(zip(FIELDS, (q, person, workflow, run, connection, operation, what, since, until, cost), strict=True))
    return await _page(request, visitor, given, cursor)


async def _page(
    request: Request, visitor: Visitor, given: dict[str, str], cursor: str = "", *, status: int = 200, problem: str = ""
) -> HTMLResponse:
    found = Page[ActivityView](items=[])
    async with visitor.parts.reading(visitor.user_id) as session:
        try:
            wanted = filter_of(given)
            found = await feed.page(session, visitor.user_id, wanted, cursor=cursor or None)
        except InvalidInput as error:
            status, problem = (status, problem) if problem else (status_of(error), error.message)
        ways = await _ways(session, visitor.user_id, found.items)
        called = await approvals.called(session, wording.decided(found.items))
        flows = await workflows.listed(session, visitor.user_id, archived=True)
        accounts = await connections.listed(session, visitor.user_id)
        signed = await audit_checkpoints.newest(session, visitor.user_id)
        broken = await audit_checkpoints.problem_of(session, visitor.user_id)
    asked = {name: value for name, value in given.items() if value.strip()}
    return await own_page(
        request,
        visitor,
        "feed.html",
        here="activity",
        status=status,
        problem=problem,
        entries=found.items,
        older=f"/activity?{urlencode(asked | {'cursor': found.next})}" if found.next else "",
        newest=f"/activity?{urlencode(asked)}" if cursor else "",
        given=given,
        asked=asked,
        people=PEOPLE,
        flows=flows,
        accounts=accounts,
        titles={str(row.id): row.title for row in flows} | {str(row.id): row.title for row in accounts},
        operations=_operations({row.connector for row in accounts}),
        kinds=_kinds(),
        signed=signed,
        broken=broken,
        entry_links=entry_links,
        pretty=pretty,
        outcome_of=outcome_of,
        ways=ways,
        called=called,
        feed="all",
    )


async def _ways(session: AsyncSession, user_id: UUID, entries: list[ActivityView]) -> dict[UUID, Way]:
    """By action, of the entries of actions that took place: how each is taken back, and how that stands."""
    ids = [entry.action_id for entry in entries if entry.kind == AuditKind.ACTION_DONE and entry.action_id]
    rows = await session.execute(
        select(ActionRow).where(
            col(ActionRow.user_id) == user_id,
            col(ActionRow.id).in_(ids),
            col(ActionRow.state) == ActionState.DONE.value,
        )
    )
    found = await ways_back.of_actions(session, user_id, list(rows.scalars()), reviewing.BUILDERS)
    return {way.action.id: way for way in found}


def _operations(connectors: set[str]) -> list[tuple[str, str]]:
    """(name, title) of what can be done through this visitor's connections."""
    return sorted({(operation.name, operation.title) for operation in gated(connectors)}, key=lambda item: item[1])


def _kinds() -> list[tuple[str, list[tuple[str, str]]]]:
    """The list of what may have happened: (heading, [(value, words)])."""
    covered = {STATES[name] for name in ACTIONS}
    return [
        ("Actions", [(name, wording.kind_title(STATES[name].value)) for name in ACTIONS]),
        (
            "Everything else",
            [(kind.value, wording.kind_title(kind.value)) for kind in AuditKind if kind not in covered],
        ),
    ]


@router.post("/activity/export")
async def export_entries(request: Request, visitor: VisitorDep, form: OwnForm) -> Response:
    """A file of the entries that the page's filter shows, or of the whole signed chain."""
    given = {name: text_of(form, name) for name in FIELDS}
    try:
        match text_of(form, "form"):
            case "jsonl" | "csv" as kind:
                return await export(visitor.parts, visitor.user_id, kind, filter_of(given))
            case "chain":
                return await export(visitor.parts, visitor.user_id, "chain", Filter())
            case _:
                raise InvalidInput("Nothing was exported: choose CSV, JSON Lines or the signed record.")
    except CocoError as error:
        return await _page(request, visitor, given, status=status_of(error), problem=error.message)


@router.post("/actions/{action_id}/undo")
async def undo(request: Request, visitor: VisitorDep, form: OwnForm, action_id: UUID) -> Response:
    """Proposes what takes an action back, and leads to its card. The filter is kept where nothing does."""
    return await _proposed(request, visitor, form, action_id, reviewing.undo)


@router.post("/actions/{action_id}/follow-up")
async def follow_up(request: Request, visitor: VisitorDep, form: OwnForm, action_id: UUID) -> Response:
    """Drafts one more message to the people that one was sent to, and leads to its card."""
    return await _proposed(request, visitor, form, action_id, reviewing.follow_up)


async def _proposed(
    request: Request,
    visitor: Visitor,
    form: FormData,
    action_id: UUID,
    propose: Callable[[Parts, UUID, UUID], Awaitable[UUID]],
) -> Response:
    try:
        run_id = await propose(visitor.parts, visitor.user_id, action_id)
    except NotFound:
        raise
    except CocoError as error:
        given = {name: text_of(form, name) for name in FIELDS}
        return await _page(request, visitor, given, status=status_of(error), problem=error.message)
    return RedirectResponse(f"/runs/{run_id}", status_code=303)


def entry_links(entry: ActivityView) -> dict[str, str]:
    """Where to look at what an entry did: `record` (an address), `message` (a message's id)."""
    told = entry.body.get("links")
    links = told if isinstance(told, dict) else {}
    record, message = links.get("record") or "", links.get("message") or ""
    return {
        name: str(value)
        for name, value in (("record", record), ("message", message))
        if value and (name != "record" or str(value).startswith(("https://", "http://")))
    }


def pretty(body: dict[str, Any]) -> str:
    """A body for the eye."""
    return json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True)


def outcome_of(outcome: dict[str, Any]) -> list[tuple[str, str]]:
    """What the provider answered, as pairs to list; its own result's parts among them."""
    result = outcome.get("result")
    if not isinstance(result, dict):
        return wording.outcome_text(outcome)
    return wording.outcome_text({name: value for name, value in outcome.items() if name != "result"} | result)
