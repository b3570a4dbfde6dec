"""Assembles the internal app."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from html import escape

from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from api import errors
from api.operator_pages import plain_page, sign_in_router
from api.operators import Operator, Operators
from api.origins import Origins
from coco.errors import CocoError
from store import views
from store.database import Database

OPEN = frozenset({"/health", "/ready"})
"""What answers without sign-in, and under any host name: one word each."""
SANDBOX_STATES = ("running", "stopped", "wanted")
DATABASE_SECONDS = 5


class Status(BaseModel):
    """How the installation stands."""

    database: bool
    temporal: bool
    backlog: views.BacklogView
    sandboxes: list[views.SandboxView]


def create_internal_app(
    operators: Operators, control: Database, origins: Origins, temporal_reachable: Callable[[], Awaitable[bool]]
) -> FastAPI:
    """`control` is connected as the control side's role, which alone sees the outbox and the sandboxes of all."""
    app = FastAPI(title="Coco internal", openapi_url=None, docs_url=None, redoc_url=None)
    errors.install(app)
    app.include_router(sign_in_router(operators, origins, "Coco operators", lambda: "/"))

    async def operator(request: Request) -> Operator:
        return await operators.identify(request)

    async def database_answers() -> bool:
        try:
            async with asyncio.timeout(DATABASE_SECONDS), control.system() as session:
                await session.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError, TimeoutError):
            return False
        return True

    async def status() -> Status:
        async with control.system() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            backlog, sandboxes = await views.backlog(session), await views.sandboxes(session)
        return Status(database=True, temporal=await temporal_reachable(), backlog=backlog, sandboxes=sandboxes)

    @app.get("/health")
    async def health() -> JSONResponse:
        """This process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """What it needs answers too; 503 where it does not."""
        good = await database_answers() and await temporal_reachable()
        return JSONResponse({"status": "ready" if good else "not ready"}, status_code=200 if good else 503)

    @app.get("/status")
    async def status_json(who: Operator = Depends(operator)) -> Status:
        """Backlog and sandboxes."""
        return await status()

    @app.get("/metrics")
    async def metrics(who: Operator = Depends(operator)) -> Response:
        """The same as text that Prometheus reads."""
        return PlainTextResponse(metrics_text(await status()), media_type="text/plain; version=0.0.4")

    @app.get("/")
    async def overview(request: Request) -> HTMLResponse:
        """The same as a page."""
        try:
            await operators.identify(request)
        except CocoError:
            return plain_page("Coco operators", "<p><a href='/login'>Sign in</a></p>", status=401)
        told = await status()
        rows = "".join(
            f"<tr><td>{escape(str(item.user_id))}</td><td>{escape(item.state)}</td><td>{item.generation}</td>"
            f"<td>{escape(item.last_active_at.isoformat(timespec='seconds'))}</td></tr>"
            for item in told.sandboxes
        )
        return plain_page(
            "Coco operators",
            f"<p>Temporal: {'reachable' if told.temporal else 'not reachable'}</p>"
            f"<p>Outbox: {told.backlog.undelivered} owed, the oldest for {told.backlog.oldest_seconds:.0f} s</p>"
            "<table><thead><tr><th>User</th><th>Sandbox</th><th>Starts</th><th>Last active</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
            "<form method='post' action='/logout'><button>Sign out</button></form>",
        )

    return app


def metrics_text(status: Status) -> str:
    """Prometheus' text format."""
    states = Counter(item.state for item in status.sandboxes)
    lines = [
        "# HELP coco_temporal_up Whether Temporal answers.",
        "# TYPE coco_temporal_up gauge",
        f"coco_temporal_up {int(status.temporal)}",
        "# HELP coco_wakeups_undelivered Wake-ups that runs are owed.",
        "# TYPE coco_wakeups_undelivered gauge",
        f"coco_wakeups_undelivered {status.backlog.undelivered}",
        "# HELP coco_wakeups_oldest_seconds Age of the oldest undelivered wake-up.",
        "# TYPE coco_wakeups_oldest_seconds gauge",
        f"coco_wakeups_oldest_seconds {status.backlog.oldest_seconds:.3f}",
        "# HELP coco_sandboxes Sandboxes by state.",
        "# TYPE coco_sandboxes gauge",
        *(f'coco_sandboxes{{state="{state}"}} {states[state]}' for state in SANDBOX_STATES),
    ]
    return "\n".join(lines) + "\n"
