"""Workflows that were graduated, and actions that ran or will run alone: rows as the control side leaves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from coco.decisions import Verdict
from coco.findings import study
from coco.guardrails.declarations import default_catalogue
from coco.guardrails.english.compiler import compile_sentence
from coco.trust import LeaseTerms, Profile
from store import decisions, guardrails, trust
from store.tables import ActionRow, EvaluationRow, GuardrailRow
from tests.api.cards import Card, set_action_state
from tests.conftest import Postgres

RULE = "Enrich contacts that have a first name."
"""Covers the contacts of tests.api.cards, by what the read before a change shows of them."""
NOTIFY = "Enrich contacts that have a first name. Notify me first."


async def approved(postgres: Postgres, card: Card, *, reject: int = 0) -> None:
    """The owner approves all actions but the last `reject`; they take effect, and the run is done."""
    split = len(card.actions) - reject
    for index, action in enumerate(card.actions):
        verdict, reason = (Verdict.APPROVE, "") if index < split else (Verdict.REJECT, "she left")
        async with postgres.api.user(card.user_id) as session:
            await decisions.decide(session, card.user_id, action.id, verdict, action.digest, reason)
        if index < split:
            set_action_state(postgres, action.id, "done")
    place(postgres, "UPDATE runs SET state = 'done', finished_at = now() WHERE id = %s", card.run_id)


async def confirmed(
    postgres: Postgres,
    card: Card,
    sentence: str = RULE,
    *,
    confirm: bool = True,
    found: dict[str, Any] | None = None,
) -> GuardrailRow:
    """A guardrail in force, or one that waits for its confirmation; `found` stands in for what analysis found."""
    catalogue = default_catalogue()
    compiled = compile_sentence(sentence)
    shown = study(compiled, None, [], catalogue) | (found or {})
    async with postgres.api.user(card.user_id) as session:
        row = await guardrails.propose(session, card.user_id, card.workflow_id, compiled, shown, catalogue)
        if not confirm:
            return row
        return await guardrails.confirm(session, card.user_id, row.id, 1, row.reading, widens=True)


async def needs_one_run(postgres: Postgres, card: Card) -> None:
    async with postgres.api.user(card.user_id) as session:
        await trust.change_settings(
            session, card.user_id, card.workflow_id, runs_needed=1, review_percent=100, reserved_operations=[]
        )


async def graduated(postgres: Postgres, card: Card, sentence: str = RULE) -> GuardrailRow:
    """An approved run, a guardrail, and a lease on them."""
    await approved(postgres, card)
    rule = await confirmed(postgres, card, sentence)
    await needs_one_run(postgres, card)
    async with postgres.api.user(card.user_id) as session:
        await trust.graduate(
            session, card.user_id, card.workflow_id, LeaseTerms(days=7, actions=10, credits=50), Profile()
        )
    return rule


async def into(postgres: Postgres, card: Card, later: Card) -> None:
    """Makes another card's run one of the first card's workflow, begun after its lease."""
    for table in ("runs", "actions"):
        key = "id" if table == "runs" else "run_id"
        place(postgres, f"UPDATE {table} SET workflow_id = %s WHERE {key} = %s", card.workflow_id, later.run_id)
    place(postgres, "UPDATE runs SET created_at = now() WHERE id = %s", later.run_id)


async def judged(postgres: Postgres, rule: GuardrailRow, action: ActionRow) -> EvaluationRow:
    """A verdict that covers, as the control side writes it."""
    async with postgres.control.user(rule.user_id) as session:
        lease = await trust.active_lease(session, rule.user_id, rule.workflow_id)
        assert lease is not None
        proof = EvaluationRow(
            user_id=rule.user_id,
            action_id=action.id,
            digest=action.digest,
            guardrail_id=rule.id,
            guardrail_version=rule.version,
            lease_id=lease.id,
            verdict="covered",
            facts={"contact.first_name": "Grace"},
            why={
                "text": "covered",
                "clauses": [
                    {"text": "the contact has a first name", "held": True, "facts": {"contact.first_name": "Grace"}}
                ],
            },
        )
        session.add(proof)
        await session.flush()
        return proof


async def ran_alone(postgres: Postgres, rule: GuardrailRow, action: ActionRow) -> None:
    """Covered, granted, sent and done."""
    proof = await judged(postgres, rule, action)
    async with postgres.control.user(rule.user_id) as session:
        await trust.cover(session, await session.get_one(ActionRow, action.id), proof, rule)
    jti = uuid4()
    now = datetime.now(UTC)
    columns: dict[str, Any] = {
        "jti": jti,
        "user_id": rule.user_id,
        "run_id": action.run_id,
        "action_id": action.id,
        "digest": action.digest,
        "prior_digest": "",
        "guardrail_id": rule.id,
        "guardrail_version": rule.version,
        "credits": 1,
        "issued_at": now,
        "expires_at": now + timedelta(minutes=5),
        "spent_at": now,
    }
    names = ", ".join(columns)
    place(postgres, f"INSERT INTO grants ({names}) VALUES ({', '.join(['%s'] * len(columns))})", *columns.values())
    set_action_state(postgres, action.id, "done")


async def told_first(postgres: Postgres, rule: GuardrailRow, action: ActionRow) -> None:
    """Covered by a rule that tells its owner first."""
    proof = await judged(postgres, rule, action)
    async with postgres.control.user(rule.user_id) as session:
        await trust.notify(session, await session.get_one(ActionRow, action.id), proof, rule)


def place(postgres: Postgres, statement: str, *values: object) -> None:
    """Writes as the owner of the database, past the triggers that hold every process of Coco."""
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute(statement, values)


def trust_of(postgres: Postgres, workflow_id: UUID) -> str:
    with postgres.connect() as owner:
        row = owner.execute("SELECT trust_level FROM workflows WHERE id = %s", (workflow_id,)).fetchone()
    assert row is not None
    return str(row[0])


def states_of(postgres: Postgres, workflow_id: UUID) -> list[tuple[int, str]]:
    """(version, state) of the workflow's guardrails, in the order they were written."""
    with postgres.connect() as owner:
        return owner.execute(
            "SELECT version, state FROM guardrails WHERE workflow_id = %s ORDER BY created_at", (workflow_id,)
        ).fetchall()
