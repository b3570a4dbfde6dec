"""A user's CRM as the gateway would show it, a plan that completes contacts, and rules in force for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.exceptions import ApplicationError

from activities.connectors.hubspot.facts import facts_request
from activities.connectors.registry import connector
from activities.names import PerformInput, PlanInput, ReadFactsInput
from coco import grants as grant_rules
from coco.canonical import canonical
from coco.errors import Refused
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import Compiled, compile_sentence
from coco.plans import PlanDraft, Proposal
from coco.requests import PreparedRequest, ProviderResponse
from coco.trust import LeaseTerms, Profile, TrustLevel
from store import effects, guardrails, trust
from store.tables import EvaluationRow, GuardrailRow, Lease, Workflow
from tests.workflows.harness import SIGNING_KEY, World, a_contact

RULE = 'Auto-enrich any new HubSpot contact tagged "design partner candidate" within 24 hours.'
TERMS = LeaseTerms(days=1, actions=20, credits=100)
SEEN = Profile(operations=("contact.enrich", "contact.update"))


def hours_ago(hours: float) -> str:
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_contact(**changes: str | None) -> dict[str, str | None]:
    """What the facts read shows of a contact that the rule covers."""
    return {
        "firstname": "Ada",
        "lastname": "Lovelace",
        "email": "ada@example.com",
        "tags": "design partner candidate;event",
        "createdate": hours_ago(2),
        "jobtitle": None,
        "lifecyclestage": "lead",
        "hubspot_owner_id": None,
    } | changes


async def attest(
    world: World,
    run_id: UUID,
    request: PreparedRequest,
    record_id: str,
    properties: dict[str, str | None],
    *,
    at: datetime | None = None,
    connection_id: UUID | None = None,
) -> UUID:
    """A read row as the gateway keeps it."""
    body = canonical({"id": record_id, "properties": properties, "archived": False})
    response = ProviderResponse.of(200, [("content-type", "application/json")], body)
    return await world.keep_read(run_id, request, response, at=at, connection_id=connection_id)


def shows(crm: dict[str, dict[str, str | None]]) -> Callable[[World, ReadFactsInput], Any]:
    """A sandbox that reads what it is asked to read, of a CRM with these contacts."""

    async def read(world: World, message: ReadFactsInput) -> int:
        for wanted in message.reads:
            record_id = wanted.request.path.rsplit("/", 1)[1]
            assert wanted.request == facts_request("contact", record_id)
            await attest(world, message.run_id, wanted.request, record_id, crm[record_id])
        return len(message.reads)

    return read


def completes(*contacts: str, **changes: str) -> Callable[[World, PlanInput], Any]:
    """A plan that fills in the job title of these contacts."""
    values = changes or {"jobtitle": "CTO"}

    async def plan(world: World, message: PlanInput) -> PlanDraft:
        proposals = []
        operation = connector("hubspot").gated("contacts.update")
        for number in contacts:
            arguments = {"id": number, "properties": values}
            request = operation.prior_request(world.connection, operation.parse(arguments))
            assert request is not None
            before = a_contact() | {name: None for name in values if name not in a_contact()}
            proposals.append(
                Proposal(
                    key=f"contact-{number}",
                    connection=str(world.connection.id),
                    operation="contacts.update",
                    arguments=arguments,
                    prior_read=str(await attest(world, message.run_id, request, number, before)),
                    why='The contact is tagged "design partner candidate" and was created a minute ago.',
                )
            )
        return PlanDraft(goal="Complete contacts", reasoning="All are covered.", proposals=tuple(proposals))

    return plan


async def sends(world: World, message: PerformInput) -> str:
    """What the gateway does with a grant: spends it under its own checks, sends, keeps the answer."""
    claims = grant_rules.verify(message.grant, grant_rules.public_key(SIGNING_KEY))
    try:
        async with world.postgres.gateway.user(world.user_id) as session:
            await effects.begin(session, world.user_id, claims, "0" * 64)
        async with world.postgres.gateway.user(world.user_id) as session:
            response = ProviderResponse(status=200, body='{"id": "1"}')
            await effects.keep(session, world.user_id, claims, "done", response, {})
    except Refused as error:
        raise ApplicationError(str(error), type=error.code.value, non_retryable=True) from None
    return "done"


# -- what the owner does -----------------------------------------------------------------------------------------------


def compiled(sentence: str, **form: object) -> Compiled:
    """A compiled rule; with parts of its form replaced, where a test needs hours to be seconds."""
    found = compile_sentence(sentence)
    assert found.form is not None, found.problems
    return Compiled(found.sentence, found.form.model_copy(update=form), found.reading)


async def confirm(world: World, rule: str | Compiled = RULE, guardrail_id: UUID | None = None) -> GuardrailRow:
    made = compiled(rule) if isinstance(rule, str) else rule
    async with world.postgres.api.user(world.user_id) as session:
        row = await guardrails.propose(
            session,
            world.user_id,
            world.workflow_id,
            made,
            {},
            default_catalogue(),
            guardrail_id=guardrail_id,
        )
        return await guardrails.confirm(session, world.user_id, row.id, row.version, row.reading, widens=False)


async def graduate(
    world: World, *rules: str | Compiled, terms: LeaseTerms = TERMS, profile: Profile = SEEN
) -> list[GuardrailRow]:
    """One approved run, the rules confirmed, and the workflow graduated on them."""
    made = [await confirm(world, rule) for rule in rules or (RULE,)]
    async with world.postgres.api.user(world.user_id) as session:
        await trust.change_settings(
            session, world.user_id, world.workflow_id, runs_needed=1, review_percent=100, reserved_operations=[]
        )
    await approved_run(world)
    async with world.postgres.api.user(world.user_id) as session:
        await trust.graduate(session, world.user_id, world.workflow_id, terms, profile)
    world.performed.clear()
    return made


async def approved_run(world: World) -> UUID:
    run_id = await world.start()
    await world.until(run_id, "waiting")
    for action in await world.actions(run_id):
        await world.decide(action)
    await world.until(run_id, "done")
    return run_id


async def take_back(world: World, reason: str = "I want to look at it first.") -> bool:
    async with world.postgres.api.user(world.user_id) as session:
        done = await trust.take_back(session, world.user_id, world.workflow_id, reason, actor=f"user:{world.user_id}")
    await world.deliver()
    return done


# -- looking -----------------------------------------------------------------------------------------------------------


async def evaluations(world: World, action_id: UUID) -> list[EvaluationRow]:
    from sqlalchemy import select
    from sqlmodel import col

    async with world.postgres.api.user(world.user_id) as session:
        rows = await session.execute(
            select(EvaluationRow).where(col(EvaluationRow.action_id) == action_id).order_by(col(EvaluationRow.at))
        )
        return list(rows.scalars())


async def trust_level(world: World) -> str:
    async with world.postgres.api.user(world.user_id) as session:
        return (await session.get_one(Workflow, world.workflow_id)).trust_level


async def lease_of(world: World) -> Lease:
    from sqlalchemy import select
    from sqlmodel import col

    async with world.postgres.api.user(world.user_id) as session:
        rows = await session.execute(select(Lease).order_by(col(Lease.granted_at).desc()))
        return rows.scalars().first() or Lease()


async def eventually(found: Callable[[], Any]) -> None:
    """Returns once `found()` is true."""
    for _ in range(600):
        if found():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


AUTONOMOUS = TrustLevel.AUTONOMOUS
