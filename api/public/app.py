"""Assembles the public app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from api.errors import TooManyRequests, json_error
from api.origins import Origins
from api.passwords import Passwords
from api.public import feed
from api.public.events import Hub
from api.public.pages import account as account_page
from api.public.pages import approvals as approval_pages
from api.public.pages import away as away_pages
from api.public.pages import credits as credit_pages
from api.public.pages import edit, inbox, integrations, set_up, sign_in, starting, trusting
from api.public.pages import feed as feed_pages
from api.public.pages import guardrails as guardrail_pages
from api.public.pages import proposing as proposing_pages
from api.public.pages import records as record_pages
from api.public.pages import team_budgets as team_budget_pages
from api.public.pages import teams as team_pages
from api.public.pages import workflow as workflow_page
from api.public.pages import writing as writing_pages
from api.public.pages.errors import html_error, sign_in_first
from api.public.pages.render import FOLDER
from api.public.pages.visitor import SignInFirst
from api.public.parts import Parts
from api.public.rest import account, actions, audit, auth, connections, credits, guardrails, runs, schedules, workflows
from api.public.rest import approvals as approval_calls
from api.public.rest import away as away_calls
from api.public.rest import team_budgets as team_budget_calls
from api.public.rest import teams as team_calls
from api.public.rest.digests import router as digests_router
from api.public.rest.model_routes import router as model_routes_router
from api.public.rest.models import ERRORS
from api.public.rest.proposals import router as proposals_router
from api.public.rest.reverting import router as reverting_router
from api.public.rest.voice import router as voice_router
from api.public.waker import Waker
from api.shell import Shell
from api.throttle import Throttle
from api.tokens import PUBLIC, Tokens
from coco.errors import CocoError
from coco.keys import MasterKey
from coco.settings import Settings
from store.database import Database
from store.directory import directory_of

TITLE = "Coco"
DESCRIPTION = (
    "No external action without your explicit approval. Sign in at /api/v1/auth/login and send the access token as "
    "Authorization: Bearer. Every error is an object with one field, error, which holds a stable code and a message."
)


def make_parts(settings: Settings, database: Database, master: MasterKey, passwords: Passwords | None = None) -> Parts:
    """What the app works with; `database` is connected as the API's role."""
    return Parts(
        settings=settings,
        database=database,
        master=master,
        origins=Origins(settings.public_url, settings.public_port),
        tokens=Tokens(master, audience=PUBLIC, access_seconds=settings.access_minutes * 60),
        passwords=passwords or Passwords(),
        throttle=Throttle(),
        hub=Hub(database.dsn),
        waker=Waker(settings, database),
        directory=directory_of(settings),
    )


async def openapi(request: Request) -> JSONResponse:
    """The description of the REST API. No closure: FastAPI keeps endpoints for good, and with one the whole app."""
    app: FastAPI = request.app
    return JSONResponse(app.openapi())


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every route, by precedence. Made once in a process, since that takes a second: what an app works with comes with
    each request, so that its routes hold none of it."""
    routes = APIRouter()
    rest = APIRouter(prefix="/api/v1", responses=ERRORS)
    for module in (account, audit, auth, connections, workflows, runs, actions, credits, guardrails, schedules):
        rest.include_router(module.router)
    for router in (
        digests_router,
        reverting_router,
        proposals_router,
        model_routes_router,
        voice_router,
        team_calls.router,
        team_budget_calls.router,
        away_calls.router,
        approval_calls.router,
    ):
        rest.include_router(router)
    routes.include_router(rest)
    routes.include_router(feed.router)
    routes.include_router(schedules.hooks)

    routes.add_api_route("/api/v1/openapi.json", openapi, include_in_schema=False)

    for pages in (feed_pages, sign_in, inbox, edit, set_up, workflow_page, guardrail_pages, trusting, starting):
        routes.include_router(pages.router)
    for pages in (
        record_pages,
        credit_pages,
        account_page,
        team_pages,
        team_budget_pages,
        away_pages,
        approval_pages,
        proposing_pages,
        writing_pages,
    ):
        routes.include_router(pages.router)
    # Last: `/connections/{connection_id}` would take the addresses of others for its own.
    routes.include_router(integrations.router)
    routes.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    return tuple(routes.routes)


def create_app(parts: Parts) -> FastAPI:
    """The app without its outer shell: routes, errors, and what starts and stops with it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        parts.hub.start()
        try:
            yield
        finally:
            await parts.hub.stop()
            await parts.waker.close()

    app = FastAPI(
        title=TITLE,
        version="1",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = parts
    app.router.routes.extend(_routes())

    async def answer(request: Request, error: Exception) -> Response:
        programs = request.url.path.startswith(("/api/", "/hooks/")) and request.url.path != "/api/docs"
        return json_error(request, error) if programs else html_error(request, error)

    app.add_exception_handler(SignInFirst, sign_in_first)
    for kind in (CocoError, TooManyRequests, RequestValidationError, HTTPException, Exception):
        app.add_exception_handler(kind, answer)
    return app


def public_app(settings: Settings, database: Database, master: MasterKey) -> ASGIApp:
    """The whole public app, as a server runs it."""
    parts = make_parts(settings, database, master)
    return Shell(create_app(parts), parts.origins)
