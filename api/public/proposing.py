"""A rule that a language model proposes for a sentence that was refused: asked for by the owner, over their connection.

The question is made here, and goes out through the owner's sandbox, which adds the key, and the gateway, which keeps
the answer. The answer is a stranger's text: a sentence, compiled like any other, or nothing. What comes of it waits for
its owner's confirmation.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import ConnectionInfo
from activities.connectors.model_api import COMPLETE
from activities.connectors.registry import connector
from api.errors import TooManyRequests
from api.public import guarding
from api.public.parts import Parts
from coco.connections import ConnectionState
from coco.errors import CocoError, Conflict, InvalidInput, Later, Refused
from coco.findings import study
from coco.guardrails import proposer
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import Compiled, compile_sentence
from coco.model_calls import COMPLETION_PATHS, described
from coco.model_routes import Purpose
from coco.requests import PreparedRequest, ProviderResponse
from store import asked_reads, connections, guardrail_proposals, guardrails, model_routes, workflows
from store.tables import Connection, Workflow
from store.tables_asking import AskedRead, GuardrailProposal

POLL_SECONDS = 0.2
MAX_TOKENS = 1000
NOBODY = "There is no connection to a language model that can be used. Connect one first."
NOT_THERE = "Nothing was answered: the connection was revoked meanwhile, or it took too long. Ask again."
NO_RULE = "the model says that your words do not say such a rule"


@dataclass(frozen=True)
class Answer:
    """What one call to a model came to."""

    rule: str | None
    """The sentence; None where the model says that there is none, or with `problem`."""
    problem: str
    call: dict[str, Any] | None
    """The call as the audit has it, without its texts."""
    bad_request: bool = False


async def models(session: AsyncSession, user_id: UUID) -> list[Connection]:
    """The connections to language models that can be used, oldest first."""
    usable = {ConnectionState.ACTIVE, ConnectionState.READ_ONLY}
    found = [row for row in await connections.listed(session, user_id) if row.connector in COMPLETION_PATHS]
    return sorted((row for row in found if row.state in usable), key=lambda row: (row.created_at, row.id))


async def whom_to_ask(
    session: AsyncSession, workflow: Workflow, connection_id: UUID | None, model: str
) -> list[dict[str, Any]]:
    """Whom to ask, in order. What the owner named; else the account's route; else the first model connection of the
    workflow, else of the account, and the model that the workflow's mails are written by. Raises InvalidInput,
    NotFound."""
    there = await models(session, workflow.user_id)
    if connection_id is None and not model.strip():
        usable = {row.id: row for row in there}
        routed = await model_routes.in_force(session, workflow.user_id, Purpose.PROPOSING)
        asks = [candidate(usable[one.connection_id], one.model) for one in routed if one.connection_id in usable]
        if asks:
            return [ask for pair in asks for ask in pair]
    if connection_id is not None:
        chosen = await connections.get(session, workflow.user_id, connection_id)
        if chosen.id not in {row.id for row in there}:
            raise InvalidInput("connection_id: this is no connection to a language model that can be used")
    elif there:
        chosen = next((row for row in there if str(row.id) in workflow.connections), there[0])
    else:
        raise InvalidInput(NOBODY)
    model = model.strip() or str(workflow.params.get("model") or "")
    if not model:
        raise InvalidInput("model: name the model to ask, such as your provider calls it")
    return candidate(chosen, model)


def candidate(row: Connection, model: str) -> list[dict[str, Any]]:
    """A model to ask; once more without a temperature, which reasoning models refuse. Raises InvalidInput."""
    asks = [{"connection": str(row.id), "model": model, "sampling": sampling} for sampling in (True, False)]
    _request(row, asks[0], "x", ())
    return asks


async def asked(
    parts: Parts,
    user_id: UUID,
    workflow_id: UUID,
    sentence: str,
    *,
    guardrail_id: UUID | None = None,
    connection_id: UUID | None = None,
    model: str = "",
) -> GuardrailProposal:
    """Asks a model, and waits for a moment; the proposal is still `asking` where its answer takes longer.

    Raises NotFound, InvalidInput, Conflict for a sentence that is understood as it is, TooManyRequests.
    """
    async with parts.reading(user_id) as session:
        workflow = await workflows.get(session, user_id, workflow_id)
        asks = await whom_to_ask(session, workflow, connection_id, model)
    refused = await asyncio.to_thread(compile_sentence, sentence)
    if refused.ok:
        raise Conflict("Nobody was asked: this sentence is understood as it is. Write it down.")
    try:
        async with parts.writing(user_id) as session:
            row = await guardrail_proposals.open_one(session, user_id, workflow_id, sentence, asks, guardrail_id)
            if not await _ask_next(session, row, refused, bad_request=False):
                raise Conflict(NOBODY)
            await connections.want_sandbox(session, user_id)
    except Later as error:
        raise TooManyRequests(int(error.seconds)) from error
    return await awaited(parts, user_id, row.id)


async def awaited(parts: Parts, user_id: UUID, proposal_id: UUID) -> GuardrailProposal:
    """The proposal once it has come to something, or as it is when the wait is over. Raises NotFound."""
    until = asyncio.get_running_loop().time() + parts.check_wait_seconds
    while True:
        row = await _taken(parts, user_id, proposal_id)
        if row.state != "asking" or asyncio.get_running_loop().time() >= until:
            return row
        await asyncio.sleep(POLL_SECONDS)


async def _taken(parts: Parts, user_id: UUID, proposal_id: UUID) -> GuardrailProposal:
    """Makes of an answer, where there is one, what it comes to: a version that waits, another to ask, or nothing."""
    catalogue = default_catalogue()
    async with parts.reading(user_id) as session:
        row = await guardrail_proposals.get(session, user_id, proposal_id)
        if row.state != "asking":
            return row
        batch = await asked_reads.of_batch(session, user_id, proposal_id)
        if batch and batch[-1].state == "pending":
            return row
        newest = batch[-1] if batch else None
        connection = await connections.get(session, user_id, newest.connection_id) if newest else None
        before, others = await guarding.around(session, user_id, row.workflow_id, row.guardrail_id)
    refused = await asyncio.to_thread(compile_sentence, row.sentence)
    answer = _answer(newest, connection, row) if newest and connection else Answer(None, NOT_THERE, None)
    made, shown, reason = refused, {}, answer.problem
    if answer.rule is not None and connection is not None:
        name = f"{row.asks[row.asked - 1]['model']} ({connection.connector})"
        made = await asyncio.to_thread(proposer.proposed, refused, answer.rule, name, catalogue)
        reason = made.problems[-1].message if made.problems else ""
        if made.form is not None:
            told = {"rule": answer.rule, "call": answer.call}
            shown = await asyncio.to_thread(study, made, before, others, catalogue) | {"proposal": told}
    calls = [answer.call] if answer.call else []
    async with parts.writing(user_id) as session:
        held = await guardrail_proposals.get(session, user_id, proposal_id, lock=True)
        if held.state != "asking" or held.asked != row.asked:
            return held  # somebody else took the answer meanwhile
        if made.form is not None:
            rule = await guardrails.propose(
                session, user_id, row.workflow_id, made, shown, catalogue, guardrail_id=row.guardrail_id, calls=calls
            )
            await guardrail_proposals.became(session, held, rule)
        elif answer.rule is not None or not await _ask_next(session, held, refused, bad_request=answer.bad_request):
            await guardrail_proposals.came_to_nothing(session, held, reason, calls)
        return held


async def _ask_next(session: AsyncSession, row: GuardrailProposal, refused: Compiled, *, bad_request: bool) -> bool:
    """Has the next one asked; False where none is left. The same again, without a temperature, only after a 400."""
    for number in range(row.asked, len(row.asks)):
        ask = row.asks[number]
        if not ask["sampling"] and not bad_request:
            continue
        bad_request = False
        try:
            connection = await connections.get(session, row.user_id, UUID(ask["connection"]))
            request = _request(connection, ask, refused.sentence, refused.problems)
            await asked_reads.ask(session, row.user_id, connection.id, [request], "proposing", row.id)
        except Refused:
            continue
        await guardrail_proposals.was_asked(session, row, number + 1)
        return True
    return False


def _request(row: Connection, ask: dict[str, Any], sentence: str, problems: Any) -> PreparedRequest:
    operation = connector(row.connector).read(COMPLETE)
    arguments = {
        "model": ask["model"],
        "system": proposer.SYSTEM,
        "messages": [{"role": "user", "text": proposer.question(sentence, problems)}],
        "max_tokens": MAX_TOKENS if ask["sampling"] else 4 * MAX_TOKENS,
        "sampling": ask["sampling"],
    }
    info = ConnectionInfo(id=row.id, connector=row.connector, title=row.title, settings=row.settings)
    return operation.request(info, operation.parse(arguments))


def _answer(read: AskedRead, connection: Connection, row: GuardrailProposal) -> Answer:
    if read.state != "answered":
        return Answer(None, read.reason, None)
    request = PreparedRequest.model_validate(read.request)
    response = ProviderResponse.model_validate(read.response)
    at = (read.finished_at or read.created_at).isoformat()
    call = described(
        connection.connector, request, response, read=str(read.id), at=at, connection=str(read.connection_id)
    )
    # Its texts are not kept: the question is the sentence's, and what was taken of the answer stands with the version.
    told = call.model_copy(update={"sent": "", "returned": ""}).model_dump(mode="json") | {"used": True}
    operation = connector(connection.connector).read(COMPLETE)
    arguments = operation.parse({"model": row.asks[0]["model"], "messages": [{"role": "user", "text": "x"}]})
    try:
        rule = proposer.rule_in(str(operation.facts(arguments, response)["text"]))
    except CocoError as error:
        return Answer(None, error.message[:300], told, bad_request=response.status == 400)
    return Answer(rule, "" if rule is not None else NO_RULE, told)
