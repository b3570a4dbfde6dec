"""A filtered page of the feed over a million entries of tenants of different sizes, against the newest page of it.

`python -m bench.audit_feed [ENTRIES] [ROUNDS] [--explain]`. Entries are written by COPY, interleaved as time would.
Each page is read as the API reads it: its database role, row-level security, a transaction of its own, rows to views.
The floor is a page without filter, by primary key, in the same run; the ratio says what searching adds. The hashes are
not chained: nothing here looks at them.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from store import feed
from store.database import Database
from store.feed import Filter
from store.roles import Role, role_dsn
from tests.conftest import Cluster

SHARES = (0.5, 0.2, 0.1, 0.06, 0.04, *[0.1 / 50] * 50)
"""Of the first tenant, the second, …"""
START = datetime(2025, 1, 1, tzinfo=UTC)
WORDS = [
    "follow",
    "pilot",
    "budget",
    "invoice",
    "renewal",
    "demo",
    "onboarding",
    "contract",
    "pricing",
    "quarter",
    "security",
    "review",
    "roadmap",
    "sponsor",
    "meeting",
    "champion",
    "procurement",
    "legal",
    "timeline",
    "integration",
    "dashboard",
    "migration",
    "rollout",
    "training",
    "feedback",
]
KINDS = (
    ("action_done", 38), ("action_approved", 30), ("run_started", 8), ("run_finished", 8), ("action_covered", 5),
    ("action_rejected", 3), ("sign_in", 3), ("request_refused", 2), ("action_failed", 1), ("question_answered", 1),
    ("action_drifted", 1),
)  # fmt: skip
OPERATIONS = ("contacts.update", "deals.move", "email.send", "deals.update", "contacts.create", "messages.post")


@dataclass
class Tenant:
    id: UUID
    size: int
    workflows: list[str] = field(default_factory=lambda: [str(uuid4()) for _ in range(12)])
    connections: list[str] = field(default_factory=lambda: [str(uuid4()) for _ in range(4)])
    entries: int = 0


def body_of(dice: random.Random, tenant: Tenant, kind: str, number: int) -> dict[str, Any]:
    """As store.results and its like write them."""
    # Early workflows are the busy ones, as some are.
    workflow = tenant.workflows[min(int(dice.expovariate(0.5)), 11)]
    if not kind.startswith("action_"):
        return {"workflow": workflow, "title": " ".join(dice.choices(WORDS, k=3)), "address": f"10.0.0.{number % 250}"}
    operation = dice.choice(OPERATIONS)
    person = f"person{dice.randrange(40_000)}"
    body: dict[str, Any] = {
        "workflow": workflow,
        "connection": dice.choice(tenant.connections),
        "operation": operation,
        "summary": f"Set {dice.choice(WORDS)} of {person} to {dice.choice(WORDS)}",
        "digest": f"{number:064x}",
        "decision": str(UUID(int=number)),
        "verdict": "approve",
        "reason": "",
    }
    if kind == "action_done":
        cost = dice.choice((1, 1, 2, 3, 5, 8)) if dice.random() > 0.01 else dice.randrange(100, 500)
        body |= {
            "record": f"{person}@{dice.choice(WORDS)}.example",
            "before": {"jobtitle": dice.choice(WORDS), "city": None},
            "after": {"jobtitle": dice.choice(WORDS), "city": dice.choice(WORDS)},
            "message": " ".join(dice.choices(WORDS, k=40)) + (" xylophone" if dice.random() < 0.0002 else ""),
            "credits": {"total": cost, "items": [{"item": f"hubspot {operation}", "credits": cost}]},
            "card": {"goal": " ".join(dice.choices(WORDS, k=8)), "steps": [" ".join(dice.choices(WORDS, k=5))] * 3},
        }
    return body


def rows(total: int, tenants: list[Tenant]) -> Iterator[tuple[Any, ...]]:
    dice = random.Random(41)
    owners = dice.choices(tenants, weights=[tenant.size for tenant in tenants], k=total)
    kinds = dice.choices([kind for kind, _ in KINDS], weights=[weight for _, weight in KINDS], k=total)
    for number, (tenant, kind) in enumerate(zip(owners, kinds, strict=True)):
        tenant.entries += 1
        actor = f"user:{tenant.id}"
        if kind == "action_covered" or (kind == "action_done" and dice.random() < 0.2):
            actor = f"guardrail:{UUID(int=tenant.size)}@{dice.randrange(1, 4)}"
        yield (
            tenant.id, tenant.entries, START + timedelta(seconds=20 * number), kind, actor,
            UUID(int=number // 12), UUID(int=number) if kind.startswith("action_") else None,
            json.dumps(body_of(dice, tenant, kind, number)), f"{number:064x}", f"{number + 1:064x}", False,
        )  # fmt: skip


def fill(owner: str, total: int) -> list[Tenant]:
    """Seconds to minutes: a search column is made for each entry."""
    tenants = [Tenant(uuid4(), int(total * share)) for share in SHARES]
    with psycopg.connect(owner, autocommit=True) as connection:
        for number, tenant in enumerate(tenants):
            connection.execute(
                "INSERT INTO users (id, email, name, password_hash, is_operator, created_at) "
                "VALUES (%s, %s, '', 'x', false, now())",
                (tenant.id, f"tenant{number}@example.com"),
            )
        # Without triggers: the chain's own guard would look at each row for itself.
        connection.execute("SET session_replication_role = replica")
        with (
            connection.cursor() as cursor,
            cursor.copy(
                "COPY audit (user_id, seq, at, kind, actor, run_id, action_id, body, prev_hash, hash, once) FROM STDIN"
            ) as copy,
        ):
            for row in rows(total, tenants):
                copy.write_row(row)
        connection.execute("VACUUM ANALYZE audit")
    return tenants


Shape = Callable[[random.Random, Tenant], Filter]
SPAN = timedelta(days=30)

SHAPES: dict[str, Shape] = {
    "one state": lambda dice, tenant: Filter(state=dice.choice(("done", "approved", "failed", "drifted"))),
    "one kind, rare": lambda dice, tenant: Filter(kind="question_answered"),
    "one workflow": lambda dice, tenant: Filter(workflow=dice.choice(tenant.workflows)),
    "connection and operation": lambda dice, tenant: Filter(
        connection=dice.choice(tenant.connections), operation=dice.choice(OPERATIONS)
    ),
    "who: guardrails": lambda dice, tenant: Filter(person="guardrail"),
    "a month": lambda dice, tenant: Filter(since=(begin := _some_day(dice)), until=begin + SPAN),
    "a month of one workflow": lambda dice, tenant: Filter(
        workflow=dice.choice(tenant.workflows), since=(begin := _some_day(dice)), until=begin + SPAN
    ),
    "cost from 100": lambda dice, tenant: Filter(cost_from=100),
    "cost 3 to 5 of one operation": lambda dice, tenant: Filter(
        cost_from=3, cost_to=5, operation=dice.choice(OPERATIONS)
    ),
    "a common word": lambda dice, tenant: Filter(q=dice.choice(WORDS)),
    "a person": lambda dice, tenant: Filter(q=f"person{dice.randrange(40_000)}"),
    "an address": lambda dice, tenant: Filter(q=f"person{dice.randrange(40_000)}@{dice.choice(WORDS)}.example"),
    "a rare word": lambda dice, tenant: Filter(q="xylophone"),
    "a word that is nowhere": lambda dice, tenant: Filter(q="nowhere"),
    "the beginning of a word": lambda dice, tenant: Filter(q=f"person{dice.randrange(100, 400)}*"),
    "two words": lambda dice, tenant: Filter(q=" ".join(dice.sample(WORDS, 2))),
    "a phrase": lambda dice, tenant: Filter(q=f'"{dice.choice(WORDS)} {dice.choice(WORDS)}"'),
    "word, workflow, state, month": lambda dice, tenant: Filter(
        q=dice.choice(WORDS),
        workflow=dice.choice(tenant.workflows),
        state="done",
        since=(begin := _some_day(dice)),
        until=begin + SPAN,
    ),
}
_end = START


def _some_day(dice: random.Random) -> datetime:
    return START + dice.random() * (_end - START)


async def measure(database: Database, tenants: list[Tenant], rounds: int) -> dict[str, list[float]]:
    """Seconds per page and shape; every other page is in the middle of its list. `floor` is the page without filter."""
    dice = random.Random(7)
    taken: dict[str, list[float]] = {name: [] for name in ("floor", *SHAPES)}
    for _ in range(rounds):
        for name in taken:
            tenant = dice.choices(tenants, weights=[tenant.entries for tenant in tenants])[0]
            wanted = Filter() if name == "floor" else SHAPES[name](dice, tenant)
            cursor = str(dice.randrange(1, tenant.entries + 1)) if dice.random() < 0.5 else None
            began = time.perf_counter()
            async with database.user(tenant.id) as session:
                await feed.page(session, tenant.id, wanted, cursor=cursor)
            taken[name].append(time.perf_counter() - began)
    return taken


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def report(taken: dict[str, list[float]]) -> None:
    floor = statistics.median(taken["floor"]) * 1000
    print(f"{'shape':32} {'p50 ms':>8} {'p95 ms':>8} {'max ms':>8} {'p50 : floor':>12}")
    filtered = [value for name, values in taken.items() if name != "floor" for value in values]
    for name, values in [*taken.items(), ("all filtered pages", filtered)]:
        p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
        print(f"{name:32} {p50:8.1f} {p95:8.1f} {max(values) * 1000:8.1f} {p50 / floor:12.1f}")


async def explain(database: Database, tenants: list[Tenant]) -> None:
    """The plans behind the search function, for the largest tenant."""
    async with database.user(tenants[0].id) as session:
        await _auto_explain(session, tenants[0])


async def _auto_explain(session: AsyncSession, tenant: Tenant) -> None:
    newest = select_newest = f"SELECT seq, hash FROM audit WHERE user_id = '{tenant.id}' ORDER BY seq DESC LIMIT 51"
    for title, query in (
        ("without filter", newest),
        ("text under row-level security, as it would be without the function", select_newest.replace(
            "ORDER BY", "AND search @@ to_tsquery('simple', 'xylophone') ORDER BY")),
    ):  # fmt: skip
        plan = await session.execute(text(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}"))
        print(f"\n{title}\n" + "\n".join(f"  {line}" for (line,) in plan))


def main() -> None:
    global _end
    numbers = [int(item) for item in sys.argv[1:] if item.isdigit()]
    total, rounds = (numbers + [1_000_000, 60][len(numbers) :])[:2]
    _end = START + timedelta(seconds=20 * total)
    with tempfile.TemporaryDirectory(prefix="coco-b-") as place:
        cluster = Cluster(Path(place) / "pg")
        try:
            owner = cluster.create()
            began = time.perf_counter()
            tenants = fill(owner, total)
            with psycopg.connect(owner) as connection:
                sizes = connection.execute(
                    "SELECT pg_size_pretty(pg_table_size('audit')), pg_size_pretty(pg_relation_size('ix_audit_search'))"
                ).fetchone()
            print(f"{total:,} entries in {time.perf_counter() - began:.0f} s; table and text index: {sizes}")
            asyncio.run(_run(role_dsn(owner, Role.API, cluster.master), tenants, rounds))
        finally:
            cluster.stop()


async def _run(dsn: str, tenants: list[Tenant], rounds: int) -> None:
    database = Database(dsn)
    await measure(database, tenants, 3)  # connections, and what the cache of a running database holds
    report(await measure(database, tenants, rounds))
    if "--explain" in sys.argv:
        await explain(database, tenants)
    await database.close()


if __name__ == "__main__":
    main()
