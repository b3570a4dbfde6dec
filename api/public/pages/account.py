"""The account's page: who one is here, everything to take along, and the deletion of it all."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from api.errors import TooManyRequests, describe
from api.public.cookies import forget
from api.public.erasing import LAST, delete_account
from api.public.identity import Address
from api.public.pages.render import own_page, page
from api.public.pages.visitor import OwnForm, Visitor, VisitorDep, text_of
from api.public.rest.account import exported
from coco.errors import CocoError

router = APIRouter(include_in_schema=False)


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


async def _page(request: Request, visitor: Visitor, *, status: int = 200, problem: str = "") -> HTMLResponse:
    return await own_page(request, visitor, "account.html", here="account", status=status, problem=problem)
