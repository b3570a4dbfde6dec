"""Forms of a team's page that set its budgets."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.public.pages.teams import as_it_is
from api.public.pages.visitor import OwnForm, VisitorDep, text_of
from coco.credits import Period
from coco.errors import CocoError, InvalidInput
from store import team_budgets

router = APIRouter(include_in_schema=False)


@router.post("/teams/{team_id}/budgets")
async def put(request: Request, team_id: UUID, form: OwnForm, visitor: VisitorDep) -> Response:
    """Sets a budget; an empty number takes it away."""
    try:
        try:
            period = Period(text_of(form, "period"))
        except ValueError as error:
            raise InvalidInput("period: choose one of the list") from error
        amount = text_of(form, "credits").strip().replace(",", "")
        if amount and (not (amount.isascii() and amount.isdigit()) or len(amount) > 9):
            raise InvalidInput("credits: a whole number, such as 200, or nothing to take the budget away")
        async with visitor.parts.writing(visitor.user_id) as session:
            await team_budgets.put(session, visitor.user_id, team_id, period, int(amount) if amount else None)
    except CocoError as error:
        return await as_it_is(request, visitor, team_id, error)
    return RedirectResponse(f"/teams/{team_id}#budgets", status_code=303)
