"""What a person does to a run: start, answer, decide, edit, settle, pause, cancel. The same for REST and the pages.

Each is one transaction of the authenticated user, written by the store; then the run is woken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.registry import connector
from api.public.parts import Parts
from coco.actions import Action
from coco.canonical import canonical
from coco.connections import check_usable
from coco.decisions import Verdict
from coco.errors import CocoError, Conflict, InvalidInput, NotFound
from coco.requests import ProviderResponse
from store import connections, decisions, runs, views
from store.tables import Run

MAX_ARGUMENTS_BYTES = 200_000
MAX_KEY = 200
KEY_USED = "Nothing was started: this idempotency key was used for another run."


@dataclass(frozen=True)
class Wanted:
    """One decision of a batch."""

    action_id: UUID
    digest: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """What became of one decision of a batch: how the action stands now, or why nothing was changed."""

    action_id: UUID
    state: str | None
    error: CocoError | None = None


async def decide(
    parts: Parts, user_id: UUID, action_id: UUID, verdict: Verdict, shown_digest: str, reason: str = ""
) -> views.ActionView:
    """Approves, rejects or settles one action. Raises NotFound, InvalidInput, Conflict, Refused."""
    view = await _decide(parts, user_id, Wanted(action_id, shown_digest, verdict, reason))
    parts.waker.wake(user_id, view.run_id)
    return view


async def decide_each(parts: Parts, user_id: UUID, run_id: UUID, wanted: Iterable[Wanted]) -> list[Result]:
    """Decides on several actions of one run, each for itself: one that moved on does not hold up the others.

    Raises NotFound where there is no such run.
    """
    async with parts.reading(user_id) as session:
        await runs.get_run(session, user_id, run_id)
    results = []
    for item in wanted:
        try:
            view = await _decide(parts, user_id, item, of_run=run_id)
            results.append(Result(item.action_id, view.state.value))
        except CocoError as error:
            results.append(Result(item.action_id, None, error))
    parts.waker.wake(user_id, run_id)
    return results


async def _decide(parts: Parts, user_id: UUID, wanted: Wanted, *, of_run: UUID | None = None) -> views.ActionView:
    reason = kept_text(wanted.reason, "reason")
    async with parts.writing(user_id) as session:
        row = await decisions.decide(session, user_id, wanted.action_id, wanted.verdict, wanted.digest, reason)
        # Raising from here on takes the decision back.
        if of_run is not None and row.run_id != of_run:
            raise NotFound("There is no such action on this card.")
        if wanted.verdict is Verdict.APPROVE:
            # Better said now than by the gateway later.
            connection = await connections.get(session, user_id, row.connection_id)
            check_usable(connection.state, gated=True)
        return await views.action(session, user_id, wanted.action_id)


async def settle(
    parts: Parts, user_id: UUID, action_id: UUID, *, happened: bool, shown_digest: str | None = None
) -> views.ActionView:
    """Says what a person saw of an action whose outcome is unknown. Raises NotFound, Conflict."""
    if shown_digest is None:
        async with parts.reading(user_id) as session:
            shown_digest = (await views.action(session, user_id, action_id)).digest
    verdict = Verdict.HAPPENED if happened else Verdict.DID_NOT_HAPPEN
    return await decide(parts, user_id, action_id, verdict, shown_digest)


async def edit(
    parts: Parts,
    user_id: UUID,
    action_id: UUID,
    shown_digest: str,
    arguments: Mapping[str, Any],
    operation: str | None,
) -> views.ActionView:
    """Replaces a pending action by the edited one, which waits for its own approval; that one.

    Raises NotFound, InvalidInput, Conflict.
    """
    if len(canonical(arguments)) > MAX_ARGUMENTS_BYTES:
        raise InvalidInput("arguments: too large")
    async with parts.writing(user_id) as session:
        shown = await views.action(session, user_id, action_id)
        info = await _connection_info(session, user_id, shown.connection_id)

        def build(name: str, given: Mapping[str, Any], response: ProviderResponse | None) -> Action:
            found = _gated(info, name)
            parsed = found.parse(given)
            needs_prior = found.prior_request(info, parsed) is not None
            return found.build(info, given, response if needs_prior else None)

        row = await decisions.edit(session, user_id, action_id, shown_digest, arguments, operation, build)
        view = await views.action(session, user_id, row.id)
    parts.waker.wake(user_id, view.run_id)
    return view


async def answer(parts: Parts, user_id: UUID, question_id: UUID, text: str) -> views.QuestionView:
    """Answers a clarifying question. Raises NotFound, InvalidInput, Conflict."""
    async with parts.writing(user_id) as session:
        await runs.answer(session, user_id, question_id, text)
        view = await views.question(session, user_id, question_id)
    parts.waker.wake(user_id, view.run_id)
    return view


async def cancel(parts: Parts, user_id: UUID, run_id: UUID) -> views.RunView:
    """Cancels a run and every approval that has not begun to execute. Raises NotFound, Conflict."""
    return await _changed(parts, user_id, run_id, runs.cancel)


async def pause(parts: Parts, user_id: UUID, run_id: UUID) -> views.RunView:
    """None of the run's actions begins from now on. Raises NotFound, Conflict."""
    return await _changed(parts, user_id, run_id, runs.pause)


async def resume(parts: Parts, user_id: UUID, run_id: UUID) -> views.RunView:
    """The run goes on where it was. Raises NotFound, Conflict."""
    return await _changed(parts, user_id, run_id, runs.resume)


async def _changed(
    parts: Parts, user_id: UUID, run_id: UUID, change: Callable[[AsyncSession, UUID, UUID], Awaitable[None]]
) -> views.RunView:
    async with parts.writing(user_id) as session:
        await change(session, user_id, run_id)
        view = await views.run(session, user_id, run_id)
    parts.waker.wake(user_id, run_id)
    return view


async def start(
    parts: Parts, user_id: UUID, workflow_id: UUID, goal: str, idempotency_key: str | None
) -> views.RunView:
    """Starts a run; with the same idempotency key, the run that was started with it.

    Raises NotFound, InvalidInput, and Conflict for an archived workflow or a key that started something else.
    """
    goal = kept_text(goal, "goal")
    run_id = derived_id(user_id, idempotency_key) if idempotency_key is not None else None
    try:
        async with parts.writing(user_id) as session:
            if run_id is not None and (existing := await session.get(Run, run_id)) is not None:
                return await _same(session, user_id, existing, workflow_id, goal)
            run = await runs.create_run(session, user_id, workflow_id, goal, run_id=run_id)
            return await views.run(session, user_id, run.id)
    except IntegrityError as error:
        if run_id is None or not runs.is_taken(error):
            raise
    # The same key came twice at once, and the other one has started it; or it started a run of somebody else's.
    async with parts.reading(user_id) as session:
        existing = await session.get(Run, run_id)
        if existing is None:
            raise Conflict(KEY_USED)
        return await _same(session, user_id, existing, workflow_id, goal)


async def _same(session: AsyncSession, user_id: UUID, run: Run, workflow_id: UUID, goal: str) -> views.RunView:
    if run.workflow_id != workflow_id or (goal and run.goal != goal):
        raise Conflict(KEY_USED)
    return await views.run(session, user_id, run.id)


def derived_id(user_id: UUID, key: str) -> UUID:
    """The id of the run that a person starts with an idempotency key. Raises InvalidInput."""
    if not key or len(key) > MAX_KEY or not key.isprintable():
        raise InvalidInput(f"idempotency-key: between 1 and {MAX_KEY} printable characters")
    told = hashlib.sha256(b"coco run " + user_id.bytes + key.encode()).digest()
    return UUID(bytes=told[:16], version=5)


def kept_text(value: str, field: str) -> str:
    """Postgres text holds no NUL and no lone surrogate."""
    if "\0" in value or any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise InvalidInput(f"{field}: it has a character that cannot be kept")
    return value


async def _connection_info(session: AsyncSession, user_id: UUID, connection_id: UUID) -> ConnectionInfo:
    row = await connections.get(session, user_id, connection_id)
    return ConnectionInfo(id=row.id, connector=row.connector, title=row.title, settings=row.settings)


def _gated(info: ConnectionInfo, operation: str) -> GatedOperation[Any]:
    return connector(info.connector).gated(operation)
