"""What an owner does to a workflow's guardrails and its trust, for pages and the REST API alike: the store's rows next
to what analysis and the workflow's own past say of them.

Solver and evaluation run in threads, outside the writing transactions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from sqlalchemy.ext.asyncio import AsyncSession

from activities.connectors.base import GatedOperation
from activities.connectors.registry import CONNECTORS
from activities.looking_back import Past, look_back, past, profile
from api.public.parts import Parts
from coco.errors import Conflict, InvalidInput
from coco.findings import study, widens
from coco.guardrails.backtest import Backtest
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import Compiled, compile_sentence
from coco.guardrails.evaluate import Verdict
from coco.guardrails.examples import boundary_examples
from coco.guardrails.form import Form
from coco.trust import LeaseTerms
from store import connections, guardrails, trust, workflows
from store.tables import GuardrailRow, Lease

Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
"""A guardrail's version in an address, as far as the table counts."""


@dataclass(frozen=True)
class Example:
    """One of the workflow's own actions, next to the rule's line."""

    action: Past
    verdict: Verdict


@dataclass(frozen=True)
class Looked:
    """Rules over the workflow's past. `decided` maps the ids of `backtest.disagreements` to their actions."""

    backtest: Backtest
    decided: dict[str, Past]


async def proposed(
    parts: Parts, user_id: UUID, workflow_id: UUID, sentence: str, guardrail_id: UUID | None
) -> tuple[Compiled, GuardrailRow | None]:
    """Compiles a sentence and stores it as a proposal, which covers nothing; (compiled, None) for a refused one.

    Raises NotFound, InvalidInput for one that is too long, Conflict.
    """
    if len(sentence) > guardrails.MAX_SENTENCE:
        raise InvalidInput(f"A guardrail has at most {guardrails.MAX_SENTENCE:,} characters; this one has more.")
    async with parts.reading(user_id) as session:
        await workflows.get(session, user_id, workflow_id)
        if guardrail_id is not None:
            await guardrails.get(session, user_id, guardrail_id)
        before, others = await around(session, user_id, workflow_id, guardrail_id)
    compiled = await asyncio.to_thread(compile_sentence, sentence)
    if compiled.form is None:
        return compiled, None
    catalogue = default_catalogue()
    shown = await asyncio.to_thread(study, compiled, before, others, catalogue)
    async with parts.writing(user_id) as session:
        row = await guardrails.propose(
            session, user_id, workflow_id, compiled, shown, catalogue, guardrail_id=guardrail_id
        )
    return compiled, row


def never_applies(row: GuardrailRow) -> bool:
    """Whether analysis found that no record can fall under the rule; such a rule is not switched on."""
    return row.shown.get("applies", "unknown") is None


async def confirmed(
    parts: Parts, user_id: UUID, guardrail_id: UUID, version: int, reading: str, *, compared: bool = False
) -> GuardrailRow:
    """Puts exactly this version in force. Raises NotFound, InvalidInput, Conflict."""
    async with parts.reading(user_id) as session:
        row = await guardrails.get(session, user_id, guardrail_id, version)
        before, _ = await around(session, user_id, row.workflow_id, guardrail_id)
    if never_applies(row):
        raise InvalidInput("This rule can never apply, so it is not switched on. Write it again.")
    wider = await asyncio.to_thread(widens, before, Form.model_validate(row.form), default_catalogue())
    async with parts.writing(user_id) as session:
        return await guardrails.confirm(
            session, user_id, guardrail_id, version, reading, widens=wider, compared=compared
        )


async def looked(session: AsyncSession, user_id: UUID, workflow_id: UUID, rules: Sequence[GuardrailRow]) -> Looked:
    """What these rules together would have done with the workflow's decided actions."""
    history = await past(session, user_id, workflow_id, default_catalogue())
    return await over(history, [(row.reading, Form.model_validate(row.form)) for row in rules])


async def over(history: Sequence[Past], rules: Sequence[tuple[str, Form]]) -> Looked:
    """What these rules (reading, form) together would have done with decided actions."""
    found = await asyncio.to_thread(look_back, history, rules, default_catalogue())
    return Looked(found, {one.id: one for one in history})


async def examples(history: Sequence[Past], form: Form) -> tuple[list[Example], list[Example]]:
    """(covered, held) among decided actions, those nearest to the rule's line first."""
    catalogue = default_catalogue()
    named = {one.id: one for one in history}
    covered, held = await asyncio.to_thread(
        boundary_examples, form, [one.record(form, catalogue) for one in history], catalogue
    )
    return (
        [Example(named[one.record.id], one.verdict) for one in covered],
        [Example(named[one.record.id], one.verdict) for one in held],
    )


async def graduated(
    parts: Parts, user_id: UUID, workflow_id: UUID, terms: LeaseTerms, shown: frozenset[tuple[UUID, int]] | None = None
) -> Lease:
    """Lets the workflow run alone inside the guardrails that the owner was shown (id, version), and no others; without
    `shown`, inside those in force.

    Raises NotFound, Conflict, also where other guardrails are in force by now.
    """
    catalogue = default_catalogue()
    async with parts.writing(user_id) as session:
        await workflows.get(session, user_id, workflow_id)
        history = await past(session, user_id, workflow_id, catalogue)
        lease = await trust.graduate(session, user_id, workflow_id, terms, profile(history, catalogue))
        if shown is not None:
            # Raising takes the graduation back.
            in_force = {(row.id, row.version) for row in await trust.confirmed(session, user_id, workflow_id)}
            if in_force != shown:
                raise Conflict("Nothing was changed: the guardrails are not those you were shown. Look at them again.")
        return lease


async def around(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, guardrail_id: UUID | None
) -> tuple[Form | None, list[tuple[str, Form]]]:
    """(the version in force of this guardrail, the other guardrails in force)."""
    before: Form | None = None
    others: list[tuple[str, Form]] = []
    for row in await trust.confirmed(session, user_id, workflow_id):
        if row.id == guardrail_id:
            before = Form.model_validate(row.form)
        else:
            others.append((row.reading, Form.model_validate(row.form)))
    return before, others


def gated(connectors: set[str]) -> list[GatedOperation[Any]]:
    """The operations of some connectors that need a grant."""
    return [
        operation
        for name in sorted(connectors & set(CONNECTORS))
        for operation in CONNECTORS[name].operations.values()
        if isinstance(operation, GatedOperation)
    ]


async def reservable(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, operations: Sequence[str]
) -> Sequence[str]:
    """These operations, each one that the workflow's connections offer or that is reserved already: a name that no
    operation has would keep nothing with a person. Raises InvalidInput, NotFound."""
    row = await workflows.get(session, user_id, workflow_id)
    named = {str(item.id): item.connector for item in await connections.listed(session, user_id)}
    offered = {one.name for one in gated({named[item] for item in row.connections if item in named})}
    kept = (await trust.settings_of(session, user_id, workflow_id)).reserved_operations
    if unknown := sorted(set(operations) - offered - set(kept)):
        said = ", ".join(repr(name) for name in unknown)
        choice = ", ".join(sorted(offered)) or "none, for it has no connections"
        raise InvalidInput(
            f"reserved_operations: this workflow has no operation {said}. Choose among the operations offered: {choice}"
        )
    return operations
