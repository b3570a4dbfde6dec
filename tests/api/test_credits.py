"""Credits by REST and on their page: what was used, budgets, and nobody else's."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import select
from sqlmodel import col

from api.public.pages.credits import HEIGHT, bars
from api.public.parts import Parts
from coco.credits import Period
from store import budgets, credits
from store.tables import AuditRow, Wakeup
from store.usage import DayUsage, usage
from tests.api.cards import make_card
from tests.api.pages import visit
from tests.api.people import Person
from tests.conftest import Postgres


async def spend(postgres: Postgres, user: UUID, action: UUID, reserved: int, cost: int) -> None:
    async with postgres.control.user(user) as session:
        await credits.reserve(session, user, action, reserved)
        await credits.settle(session, user, action, [{"item": "Enrichment", "credits": cost}], cost)


async def test_usage_by_day_workflow_and_item(postgres: Postgres, ada: Person, eve: Person) -> None:
    card = await make_card(postgres, ada.user_id, updates=3)
    await spend(postgres, ada.user_id, card.actions[0].id, 30, 20)
    await spend(postgres, ada.user_id, card.actions[1].id, 5, 5)
    async with postgres.control.user(ada.user_id) as session:
        await credits.reserve(session, ada.user_id, card.actions[2].id, 100)
        await credits.release(session, ada.user_id, card.actions[2].id)
    answer = (await ada.call("GET", "/credits/usage?days=7")).json()
    assert answer["total"] == 25
    assert [day["credits"] for day in answer["days"]] == [0, 0, 0, 0, 0, 0, 25]
    assert [(item["id"], item["credits"]) for item in answer["workflows"]] == [(str(card.workflow_id), 25)]
    assert [(item["title"], item["credits"]) for item in answer["items"]] == [("Enrichment", 25)]
    assert (await ada.call("GET", "/credits")).json() == {"balance": 975, "reserved": 0, "available": 975}
    assert (await eve.call("GET", "/credits/usage")).json()["total"] == 0
    assert (await ada.call("GET", "/credits/usage?days=0")).status_code == 422
    ledger = (await ada.call("GET", "/credits/ledger")).json()["items"]
    assert all(sum(item["postings"].values()) == 0 for item in ledger)
    assert {item["kind"] for item in ledger} == {"sign_up", "reserve", "settle", "release"}


async def test_a_day_long_ago_is_not_in_the_last_days(postgres: Postgres, ada: Person) -> None:
    card = await make_card(postgres, ada.user_id)
    await spend(postgres, ada.user_id, card.action.id, 10, 10)
    async with postgres.api.user(ada.user_id) as session:
        later = await usage(session, ada.user_id, days=30, now=datetime.now(UTC) + timedelta(days=30))
        still = await usage(session, ada.user_id, days=31, now=datetime.now(UTC) + timedelta(days=30))
    assert (later.total, still.total) == (0, 10)


async def test_budgets_are_set_changed_and_taken_away(postgres: Postgres, ada: Person) -> None:
    card = await make_card(postgres, ada.user_id)
    body = {"workflow_id": str(card.workflow_id), "period": "day", "credits": 50}
    first = (await ada.call("PUT", "/credits/budgets", json=body)).json()
    async with postgres.control.user(ada.user_id) as session:
        await credits.reserve(session, ada.user_id, card.action.id, 20)
    again = (await ada.call("PUT", "/credits/budgets", json=body | {"credits": 60})).json()
    assert again == first | {"credits": 60, "committed": 20}
    assert (await ada.call("GET", "/credits/budgets")).json() == [again]
    assert (await ada.call("DELETE", f"/credits/budgets/{first['id']}")).status_code == 204
    assert (await ada.call("DELETE", f"/credits/budgets/{first['id']}")).status_code == 404
    assert (await ada.call("PUT", "/credits/budgets", json=body | {"period": "year"})).status_code == 422
    assert (await ada.call("PUT", "/credits/budgets", json=body | {"credits": -1})).status_code == 422
    async with postgres.api.user(ada.user_id) as session:
        kinds = (
            await session.execute(select(col(AuditRow.body)).where(col(AuditRow.kind) == "budget_changed"))
        ).scalars()
        assert [item["credits"] for item in kinds] == [
            {"from": None, "to": 50},
            {"from": 50, "to": 60},
            {"from": 60, "to": None},
        ]
        # A run that waits for room in a budget is told to look again.
        woken = (await session.execute(select(col(Wakeup.run_id)).where(col(Wakeup.kind) == "wake"))).scalars()
        assert set(woken) == {card.run_id}


async def test_the_page_shows_the_chart_and_keeps_budgets(
    postgres: Postgres, ada: Person, app: FastAPI, parts: Parts
) -> None:
    card = await make_card(postgres, ada.user_id)
    await spend(postgres, ada.user_id, card.action.id, 12, 12)
    async with visit(app, parts, ada.email) as visitor:
        page = (await visitor.client.get("/credits")).text
        assert "12 credits</title>" in page
        assert "Used in the last 30 days" in page
        form = {"workflow": str(card.workflow_id), "period": "month", "credits": "1,200"}
        assert (await visitor.post("/credits/budgets", form)).status_code == 303
        page = (await visitor.client.get("/credits")).text
        assert "1,200 credits</strong> a month" in page
        assert "12 used or set aside" in page
        bad = await visitor.post("/credits/budgets", form | {"credits": "many"})
        assert bad.status_code == 422
        assert "a whole number, such as 200" in bad.text
        assert (await visitor.post("/credits/budgets", form | {"period": "era"})).status_code == 422
    async with postgres.api.user(ada.user_id) as session:
        [row] = await budgets.listed(session, ada.user_id)
    assert (row.period, row.credits) == (Period.MONTH, 1200)


def test_the_chart_is_filled_by_its_highest_day_and_shows_the_smallest() -> None:
    days = [DayUsage(day=date(2026, 1, number + 1), credits=amount) for number, amount in enumerate([0, 1, 1000])]
    drawn = bars(days)
    assert [bar.height for bar in drawn] == [0, 2, HEIGHT]
    assert all(bar.y + bar.height == HEIGHT for bar in drawn)
