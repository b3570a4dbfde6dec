"""What planning needs: the run's context, reads, and handing in the plan."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from activities.connectors.granted import check_granted
from activities.connectors.registry import connector
from coco.connections import check_usable
from coco.errors import CocoError, Code, Conflict, Refused
from coco.gateway_protocol import (
    ContextConnection,
    ContextReply,
    Empty,
    ReadReply,
    ReadRequest,
    RunRequest,
    SubmitPlanRequest,
)
from coco.model_routes import Purpose
from coco.requests import PreparedRequest
from sandbox.gateway.carrying import About, Carrier
from sandbox.gateway.delivery.link import check_headers
from sandbox.gateway.egress_messages import Notes
from store import model_routes, plan_drafts, reads, voices
from store.database import Database
from store.owned import own
from store.runs import FINAL_RUN_STATES, get_run
from store.tables import Connection, QuestionRow, Run, Workflow, utc_now

PLANNING_STATES = frozenset({"starting", "planning", "asking"})
"""States of a run in which its sandbox reads and plans."""

READ_HEADERS = frozenset({"accept", "accept-language", "anthropic-version", "content-type"})
"""Headers a read may carry, each once."""
READ_MEDIA_TYPES = frozenset({"application/json", "application/vnd.api+json"})
"""What a read may say that its body is: never a form, which may carry another method."""
_OVERRIDES = frozenset(
    {"_method", "_httpmethod", "_http_method", "x_http_method", "x_http_method_override", "x_method_override"}
)
"""Query parameters by which frameworks take another method, with underscores for hyphens."""


def check_size(raw: bytes, largest: int) -> None:
    if len(raw) > largest:
        raise CocoError("the message is too large", code=Code.TOO_LARGE)


async def planning_run(session: AsyncSession, user_id: UUID, run_id: UUID) -> Run:
    """A run that is being planned. Raises NotFound, Refused (RUN_CANCELLED), Conflict."""
    run = await get_run(session, user_id, run_id)
    if run.cancel_requested_at is not None or run.state in FINAL_RUN_STATES:
        raise Refused("the run was cancelled or has ended", code=Code.RUN_CANCELLED)
    if run.state not in PLANNING_STATES:
        raise Conflict("the run is past planning")
    return run


async def context(database: Database, user_id: UUID, message: RunRequest) -> ContextReply:
    """What a run is about. Raises as `planning_run`."""
    async with database.user(user_id) as session:
        run = await planning_run(session, user_id, message.run_id)
        workflow = await own(session, Workflow, run.workflow_id, user_id, "workflow")
        wanted = [UUID(text) for text in workflow.connections]
        found = (
            await session.execute(
                select(Connection).where(col(Connection.user_id) == user_id, col(Connection.id).in_(wanted))
            )
        ).scalars()
        connections = {row.id: row for row in found}
        questions = (
            await session.execute(
                select(QuestionRow).where(col(QuestionRow.run_id) == run.id, col(QuestionRow.user_id) == user_id)
            )
        ).scalars()
        routed = await model_routes.in_force(session, user_id, Purpose.DRAFTING)
        voice = await voices.in_use(session, user_id)
        return ContextReply(
            run_id=run.id,
            playbook=workflow.playbook,
            params=workflow.params,
            goal=run.goal,
            revision=run.revision + 1,
            connections=tuple(
                ContextConnection(
                    id=row.id, connector=row.connector, title=row.title, state=row.state, settings=row.settings
                )
                for row in (connections[item] for item in wanted if item in connections)
            ),
            answers={item.key: item.answer for item in questions if item.answer is not None},
            now=utc_now(),
            voice=voice,
            models=tuple(one for one in routed if one.connection_id in connections),
        )


async def submit_plan(database: Database, user_id: UUID, message: SubmitPlanRequest) -> Empty:
    """Keeps the draft of the next revision; the first stays. Raises as `planning_run`."""
    async with database.user(user_id) as session:
        await planning_run(session, user_id, message.run_id)
        await plan_drafts.submit(session, user_id, message.run_id, message.revision, message.draft)
    return Empty()


async def read(database: Database, user_id: UUID, message: ReadRequest, notes: Notes, carrier: Carrier) -> ReadReply:
    """Carries a free request and attests what came back.

    Raises Refused (GRANT_MISSING for a write, NOT_IN_MANIFEST, CONNECTION_UNUSABLE, FORBIDDEN, RUN_CANCELLED),
    Later (THROTTLED, UNAVAILABLE), CocoError (TOO_LARGE, UNAVAILABLE), NotFound, Conflict.
    """
    request = message.request
    notes.run_id = message.run_id
    notes.detail |= {"connection": str(message.connection_id), **described(request)}
    async with database.user(user_id) as session:
        run = await planning_run(session, user_id, message.run_id)
        row = await own(session, Connection, message.connection_id, user_id, "connection")
        workflow = await own(session, Workflow, run.workflow_id, user_id, "workflow")
        known = connector(row.connector)
        route = known.classify(request)
        if route.access != "read":
            raise Refused("a write came without a grant", code=Code.GRANT_MISSING)
        check_plain(request)
        check_headers(known, request)
        if str(row.id) not in workflow.connections:
            raise Refused("the workflow was not given this connection", code=Code.FORBIDDEN)
        check_usable(row.state, gated=False)
        check_granted(known, route, row.scopes)
        await reads.check_room(session, run.id)
    about = About(user_id=user_id, connection=row, connector=known, route=route, kind="read", run_id=run.id)
    read_id, response = await carrier.read(about, request, message.credential)
    return ReadReply(read_id=read_id, response=response)


def check_plain(request: PreparedRequest) -> None:
    """Raises Refused (NOT_IN_MANIFEST) for a read that some server could take for something else than it is.

    Frameworks execute another method, or another path, for a header, a form field or a query parameter. A sandbox
    chooses all of these, and a read has nobody's approval: so only what reads need is let through, not all but the
    known tricks. Queries are the provider's to name, so there the known names have to do.
    """
    names = [name for name, _ in request.headers]
    typed = [text.partition(";")[0].strip().lower() for text in request.header_values("content-type")]
    plain = (
        READ_HEADERS.issuperset(names)
        and len(set(names)) == len(names)
        and READ_MEDIA_TYPES.issuperset(typed)
        and (bool(typed) or not request.body)
    )
    query = re.split("[&;]", request.target.partition("?")[2])
    keys = {unquote_plus(unquote_plus(item.partition("=")[0])).lower().replace("-", "_").strip("[] ") for item in query}
    if not plain or keys & _OVERRIDES:
        raise Refused("a read that could be taken for a write", code=Code.NOT_IN_MANIFEST)


def described(request: PreparedRequest) -> dict[str, str]:
    """A request as a refusal's record shows it: no query, no headers, no body."""
    return {"protocol": request.protocol, "verb": request.method, "path": request.path[:200]}
