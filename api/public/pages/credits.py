"""Credits: the balance, a chart of what was used, budgets, and the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import status_of
from api.public.pages.render import own_page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from coco.credits import Period
from coco.errors import CocoError, InvalidInput
from store import budgets, views, workflows
from store.usage import DayUsage, usage

router = APIRouter(include_in_schema=False)

DAYS = 30
HEIGHT = 120
WIDTH = 20
"""Of one day's place in the chart, in the units of its view box."""


@dataclass(frozen=True)
class Bar:
    """One day of the chart."""

    day: DayUsage
    x: int
    y: float
    height: float


def bars(days: list[DayUsage]) -> list[Bar]:
    """The chart's bars: the highest fills it; a day with a little is never invisible."""
    most = max((day.credits for day in days), default=0) or 1
    drawn = []
    for number, day in enumerate(days):
        height = max(round(HEIGHT * day.credits / most, 1), 2.0) if day.credits else 0.0
        drawn.append(Bar(day, number * WIDTH, HEIGHT - height, height))
    return drawn


@router.get("/credits")
async def credits_(
    request: Request, visitor: VisitorDep, cursor: Annotated[str | None, Query(max_length=200)] = None
) -> HTMLResponse:
    """The page."""
    return await _page(request, visitor, cursor=cursor)


@router.post("/credits/budgets")
async def set_budget(request: Request, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets or changes a budget."""
    try:
        workflow = text_of(form, "workflow")
        try:
            workflow_id = UUID(workflow) if workflow else None
            period = Period(text_of(form, "period"))
        except ValueError as error:
            raise InvalidInput("budget: choose a workflow and a period of the lists") from error
        amount = text_of(form, "credits").strip().replace(",", "")
        if not (amount.isascii() and amount.isdigit()) or len(amount) > 9:
            raise InvalidInput("credits: a whole number, such as 200")
        async with visitor.parts.writing(visitor.user_id) as session:
            await budgets.put(session, visitor.user_id, workflow_id, period, int(amount))
    except CocoError as error:
        return await _page(request, visitor, status=status_of(error), problem=error.message)
    return RedirectResponse("/credits#budgets", status_code=303)


@router.post("/credits/budgets/{budget_id}/remove")
async def remove_budget(budget_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Takes a budget away."""
    async with visitor.parts.writing(visitor.user_id) as session:
        await budgets.remove(session, visitor.user_id, budget_id)
    return RedirectResponse("/credits#budgets", status_code=303)


async def _page(
    request: Request, visitor: Visitor, *, cursor: str | None = None, status: int = 200, problem: str = ""
) -> HTMLResponse:
    now = datetime.now(UTC)
    async with visitor.parts.reading(visitor.user_id) as session:
        balance = await views.balance(session, visitor.user_id)
        ledger = await views.ledger(session, visitor.user_id, cursor=cursor, limit=50)
        used = await usage(session, visitor.user_id, days=DAYS, now=now)
        standing = await budgets.standing(session, visitor.user_id, now)
        own_workflows = await workflows.listed(session, visitor.user_id)
    titles = {item.id: item.title for item in own_workflows}
    return await own_page(
        request,
        visitor,
        "credits.html",
        here="credits",
        status=status,
        problem=problem,
        balance=balance,
        ledger=ledger,
        used=used,
        bars=bars(used.days),
        chart=(len(used.days) * WIDTH, HEIGHT),
        budgets=standing,
        workflows=[item for item in own_workflows if not item.archived_at],
        titles=titles,
        first=cursor is None,
        feed="",
    )
