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
WIDTHS = (7, 7, 7, 10, 14, 6, 6)

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


@dataclass
class Taken:
    """One page: seconds by the clock, and seconds of processor time here and in Postgres together.

    On a machine that others use too, the second is what the page would take by itself.
    """

    clock: float
    processor: float


async def measure(database: Database, tenants: list[Tenant], rounds: int) -> dict[str, list[Taken]]:
    """Every other page is in the middle of its list. `floor` is the page without filter."""
    dice = random.Random(7)
    taken: dict[str, list[Taken]] = {name: [] for name in ("floor", *SHAPES)}
    async with database.system() as session:
        backend = (await session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    for _ in range(rounds):
        for name in taken:
            tenant = dice.choices(tenants, weights=[tenant.entries for tenant in tenants])[0]
            wanted = Filter() if name == "floor" else SHAPES[name](dice, tenant)
            cursor = str(dice.randrange(1, tenant.entries + 1)) if dice.random() < 0.5 else None
            began, ran = time.perf_counter(), _processor(backend)
            async with database.user(tenant.id) as session:
                await feed.page(session, tenant.id, wanted, cursor=cursor)
            taken[name].append(Taken(time.perf_counter() - began, _processor(backend) - ran))
    return taken


def _processor(backend: int) -> float:
    """Seconds of processor time of this process and of a backend of the same machine (Linux)."""
    return time.process_time() + int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000


def report(taken: dict[str, list[Taken]]) -> None:
    floor = percentile([one.clock for one in taken["floor"]], 0.5)
    heads = ("p50", "p95", "max", "p50:floor", "processor p50", "p95", "max")
    print(f"{'milliseconds':30} {' '.join(f'{head:>{width}}' for head, width in zip(heads, WIDTHS, strict=True))}")
    filtered = [one for name, values in taken.items() if name != "floor" for one in values]
    for name, values in [*taken.items(), ("all filtered pages", filtered)]:
        clock, processor = [one.clock for one in values], [one.processor for one in values]
        p50 = percentile(clock, 0.5)
        print(
            f"{name:30} {p50:7.1f} {percentile(clock, 0.95):7.1f} {max(clock) * 1000:7.1f} {p50 / floor:10.1f} "
            f"{percentile(processor, 0.5):14.1f} {percentile(processor, 0.95):6.1f} {max(processor) * 1000:6.1f}"
        )


async def explain(database: Database, tenants: list[Tenant]) -> None:
    """The plans of the worst shapes for the largest tenant, and of a search that has no function to help it."""
    tenant = tenants[0]
    plain = f"SELECT seq FROM audit WHERE user_id = '{tenant.id}'"
    shapes = {
        "without filter": f"{plain} ORDER BY seq DESC LIMIT 51",
        "text under row-level security, without the function": (
            f"{plain} AND search @@ to_tsquery('simple', 'xylophone') ORDER BY seq DESC LIMIT 51"
        ),
        "the function: a word that is nowhere": _finds(None, "nowhere"),
        "the function: a word in most entries": _finds(None, "set"),
        "the function: the beginning of most words": _finds(None, "p:*"),
        "the function: not a word": _finds(None, "!set"),
    }
    async with database.user(tenant.id) as session:
        for title, query in shapes.items():
            plan = await session.execute(
                text(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query.replace(':*', chr(92) + ':*')}")
            )
            print(f"\n{title}\n" + "\n".join(f"  {line}" for (line,) in plan))


def _finds(marks: str | None, words: str) -> str:
    asked = "NULL" if marks is None else f"'{marks}'"
    return f"SELECT coco_audit_find({asked}, '{words}', 9999999, NULL, NULL, 0, 2147483647, 51)"


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
    database = Database(dsn, pool_size=1, max_overflow=0)
    await measure(database, tenants, 3)  # connections, and what the cache of a running database holds
    report(await measure(database, tenants, rounds))
    if "--explain" in sys.argv:
        await explain(database, tenants)
    await database.close()


if __name__ == "__main__":
    main()
