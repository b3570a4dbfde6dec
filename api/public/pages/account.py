"""The account's page: who one is here, everything to take along, for how long what is kept, and the end of it all."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.errors import TooManyRequests, describe
from api.public import keeping
from api.public.cookies import forget
from api.public.erasing import LAST, delete_account
from api.public.identity import Address
from api.public.pages.render import own_page, page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.rest.account import exported, retention_of
from coco.errors import CocoError, InvalidInput
from coco.retention import Kept

router = APIRouter(include_in_schema=False)

TITLES = {
    Kept.READS: "What providers answered, after a run has ended",
    Kept.RUNS: "Contents of runs that have ended: cards, proposals, questions, reasons",
    Kept.EVENTS: "What open pages were told",
    Kept.AUDIT: "The content of audit entries; the chain itself stays",
}


@router.get("/account")
async def account(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """The page."""
    return await _page(request, visitor)


@router.post("/account/export")
async def export(form: OwnForm, visitor: VisitorDep) -> Response:
    """Everything that is kept, as a file."""
    return await exported(visitor.parts, visitor.identity)


@router.post("/account/delete")
async def delete(request: Request, form: OwnForm, visitor: VisitorDep, address: Address) -> Response:
    """Deletes the account, and says so to somebody who is not signed in any more."""
    password, confirm = text_of(form, "password"), text_of(form, "confirm")
    try:
        await delete_account(visitor.parts, visitor.identity, password=password, confirm=confirm, address=address)
    except (CocoError, TooManyRequests) as error:
        status, _, message = describe(error)
        return await _page(request, visitor, status=status, problem=message)
    response = page("goodbye.html", message=LAST)
    forget(visitor.parts, response)
    return response


@router.post("/account/retention")
async def set_retention(request: Request, form: OwnForm, visitor: VisitorDep, address: Address) -> Response:
    """Sets how long what is kept; an empty field goes back to the installation's default."""
    try:
        wanted = {kept: _days(kept, text_of(form, kept.value)) for kept in Kept}
        password = text_of(form, "password")
        await keeping.set_retention(visitor.parts, visitor.identity, wanted, password=password, address=address)
    except (CocoError, TooManyRequests) as error:
        status, _, message = describe(error)
        return await _page(request, visitor, status=status, problem=message)
    return RedirectResponse("/account#retention", status_code=303)


def _days(kept: Kept, given: str) -> int | None:
    given = given.strip()
    if not given:
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 6:
        raise InvalidInput(f"{kept.value}: a number of days, 0 to keep it, or nothing; nothing was changed.")
    return int(given)


async def _page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    terms = await retention_of(visitor.parts, visitor.user_id)
    titles = [(kept, TITLES[kept], terms[kept]) for kept in Kept]
    return await own_page(
        request, visitor, "account.html", here="account", status=status, problem=problem, terms=titles
    )
