"""The feed: what an entry holds, searching, filtering, paging and exporting it; by REST and by the page."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from api.public import audit_files
from api.public.audit_files import COLUMNS, harmless
from api.public.parts import Parts
from cli.audit_offline import Key, verify
from coco.actions import ActionState
from coco.audit import AuditKind
from coco.audit_checkpoints import SigningKey, public_text
from coco.errors import Code, InvalidInput
from coco.grants import new_signing_key
from coco.requests import ProviderResponse
from store import audit, effects, feed, grants, refusals, results, revoking
from store.feed import Filter
from store.migrations.audit_search import BUCKET_BITS
from store.tables import ActionRow, Run
from tests.api.cards import Card, add_message, make_card
from tests.api.pages import visit
from tests.api.people import Person, code
from tests.conftest import Postgres
from workers.checkpoints import CheckpointKeeper

KEY = SigningKey.derived(new_signing_key())
URL = "https://app.hubspot.com/contacts/1/record/0-1/1001"


async def carry_out(postgres: Postgres, card: Card, number: int, result: dict[str, Any]) -> None:
    """As the control worker and the gateway do it, for an action that was approved."""
    row = card.actions[number]
    async with postgres.control.user(card.user_id) as session:
        claims = await grants.mint(session, card.user_id, card.run_id, row.id, 600)
    assert claims is not None
    async with postgres.gateway.user(card.user_id) as session:
        await effects.begin(session, card.user_id, claims, row.digest)
        await effects.keep(session, card.user_id, claims, "done", ProviderResponse(status=200), {})
    async with postgres.control.user(card.user_id) as session:
        action, run = await session.get_one(ActionRow, row.id), await session.get_one(Run, card.run_id)
        outcome = {"sent": True, "status": 200, "result": result}
        await results.close(session, action, ActionState.DONE, outcome, run.card)


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    """A run with a question answered, one field write and one mail carried out, one write rejected."""
    made = await make_card(postgres, ada.user_id, updates=2, mails=1, question=True)
    await ada.post(f"/questions/{made.questions[0].id}/answer", {"text": "Proposal"})
    for number, row in enumerate(made.actions):
        if number == 1:
            await ada.post(f"/actions/{row.id}/reject", {"digest": row.digest, "reason": "she moved to Tromsø"})
        else:
            await ada.post(f"/actions/{row.id}/approve", {"digest": row.digest})
    await carry_out(postgres, made, 0, {"id": "1001", "url": URL})
    await carry_out(postgres, made, 2, {"message_id": "<abc@coco.example>"})
    return made


async def seqs(person: Person, query: str = "") -> list[int]:
    return [item["seq"] for item in (await person.get(f"/activity{query}"))["items"]]


async def kinds(person: Person, query: str) -> list[str]:
    return [item["kind"] for item in (await person.get(f"/activity{query}"))["items"]]


# -- the entry ---------------------------------------------------------------------------------------------------------


async def test_the_entry_of_a_write_says_all_of_it(ada: Person, card: Card) -> None:
    mail, write = (await ada.get("/activity?state=done"))["items"]
    body, action = write["body"], card.actions[0]
    assert write["actor"] == body["approved_by"] == f"user:{ada.user_id}"
    assert body["granted"]["by"] == {"user": str(ada.user_id), "email": ada.email, "name": "Ada Lovelace"}
    assert (body["granted"]["id"], body["granted"]["decision"]) == (body["grant"], body["decision"])
    assert body["granted"]["digest"] == body["digest"] == action.digest
    assert body["granted"]["spent_at"] >= body["granted"]["issued_at"]
    assert (body["workflow"], body["connection"], body["operation"]) == (
        str(card.workflow_id), str(card.crm), "contacts.update",
    )  # fmt: skip
    assert body["before"] == {"city": None}
    assert body["after"] == {"city": "Arlington"}
    assert body["prior"]["city"] is None
    assert body["credits"]["total"] == body["credits"]["items"][0]["credits"] > 0
    assert body["third_party"] == {"connector": "hubspot", "account": "HubSpot", "host": "api.hubapi.com"}
    assert body["card"]["goal"].startswith("Complete the contacts")
    assert body["card"]["drafts"][0]["body"] == "Stays inside."
    [question] = body["questions"]
    assert (question["text"], question["answer"]) == ("Which stage?", "Proposal")
    assert body["links"] == {
        "record": URL,
        "message": None,
        "request": "PATCH https://api.hubapi.com/crm/v3/objects/contacts/1001",
        "temporal": f"run:{ada.user_id}:{card.run_id}",
    }
    assert mail["body"]["message"].startswith("Hello Grace")
    assert mail["body"]["links"]["message"] == "<abc@coco.example>"
    assert mail["body"]["third_party"]["host"] == "127.0.0.1"


async def test_decisions_and_set_up_are_entries_with_what_they_are_about(ada: Person, card: Card) -> None:
    [rejected] = (await ada.get("/activity?state=rejected"))["items"]
    assert rejected["body"]["reason"] == "she moved to Tromsø"
    assert rejected["body"]["after"] == {"city": "Arlington"}
    assert rejected["body"]["connection"] == str(card.crm)
    await ada.post(f"/workflows/{card.workflow_id}/archive")
    [archived] = (await ada.get("/activity?kind=workflow_archived"))["items"]
    assert archived["body"]["workflow"] == str(card.workflow_id)
    assert await kinds(ada, f"?run_id={card.run_id}") == [
        "action_done", "action_done", "action_approved", "action_rejected", "action_approved", "question_answered",
        "run_started",
    ]  # fmt: skip


async def test_what_was_refused_is_an_entry_that_pages_hear_of(ada: Person, postgres: Postgres, card: Card) -> None:
    """The gateway may write events, and not read them."""
    async with postgres.gateway.user(ada.user_id) as session:
        await refusals.record(
            session, ada.user_id, "egress", Code.GRANT_MISSING, {"path": "/crm"}, action_id=card.actions[1].id
        )
        # An id that a sandbox made up is nobody's.
        await refusals.record(session, ada.user_id, "egress", Code.GRANT_MISSING, {}, action_id=uuid4(), run_id=uuid4())
    made_up, refused = (await ada.get("/activity?state=refused"))["items"]
    assert refused["body"]["operation"] == "contacts.update"
    assert "operation" not in made_up["body"]
    with postgres.connect() as owner:
        told = owner.execute("SELECT body FROM events WHERE kind = 'audit' ORDER BY id DESC LIMIT 2").fetchall()
    assert [row[0]["seq"] for row in told] == [made_up["seq"], refused["seq"]]


# -- searching and filtering -------------------------------------------------------------------------------------------

SEARCHES = [
    ("Arlington", 3), ("arlington", 3), ("Arlin*", 3), ("Arlin", 0), ("tromsø", 1), ("Arlington -rejected", 2),
    ('"she moved"', 1), ('"moved she"', 0), ("moved she", 1), ("tromsø OR proposal", 4), ("grace@navy.example", 3),
    ("navy.example", 3), ("contacts.update", 3), ("city", 4), ("'; DROP TABLE audit; --", 0), ("nothing of that", 0),
    ("\\ ' & | ! ( ) <-> :* arlington", 3),
]  # fmt: skip


@pytest.mark.parametrize(("words", "found"), SEARCHES)
async def test_words_are_found(ada: Person, card: Card, words: str, found: int) -> None:
    response = await ada.call("GET", "/activity", params={"q": words})
    assert response.status_code == 200, response.text
    entries = response.json()["items"]
    assert len(entries) == found, [(item["kind"], item["body"].get("summary")) for item in entries]


async def test_a_search_for_nothing_says_so(ada: Person) -> None:
    for words in ('""', "- -", "!!!"):
        response = await ada.call("GET", "/activity", params={"q": words})
        assert (response.status_code, code(response)) == (422, "invalid"), words
    response = await ada.call("GET", "/activity", params={"q": " ".join("abcdefghijklmnopqrstuvwxyz")})
    assert "at most 20 words" in response.json()["error"]["message"]
    for query in ("?state=invented", "?kind=invented", "?cursor=x", "?cost_from=5&cost_to=1", "?since=yesterday"):
        assert (await ada.call("GET", f"/activity{query}")).status_code == 422, query


async def test_filters_narrow_alone_and_together(ada: Person, postgres: Postgres, card: Card) -> None:
    everything = await seqs(ada)
    assert await seqs(ada, f"?workflow={card.workflow_id}&limit=100") == [
        item["seq"]
        for item in (await ada.get("/activity?limit=100"))["items"]
        if item["body"].get("workflow") == str(card.workflow_id)
    ]
    assert await kinds(ada, f"?connection={card.mail}") == ["action_done", "action_approved"]
    assert await kinds(ada, "?operation=email.send&state=approved") == ["action_approved"]
    assert await kinds(ada, f"?operation=email.send&connection={card.crm}") == []
    assert await kinds(ada, "?person=guardrail") == []
    assert await seqs(ada, f"?person=user:{ada.user_id}") == await seqs(ada, "?person=user") == everything
    assert await seqs(ada, f"?workflow={uuid4()}") == []
    costs = [
        (item["seq"], item["body"]["credits"]["total"]) for item in (await ada.get("/activity?state=done"))["items"]
    ]
    assert all(cost > 0 for _, cost in costs)
    for low in range(0, 15):
        wanted = [seq for seq, cost in costs if cost >= low] if low else everything
        assert await seqs(ada, f"?cost_from={low}") == wanted
        assert await seqs(ada, f"?cost_to={low}&state=done") == [seq for seq, cost in costs if cost <= low]
    assert set(await seqs(ada, "?cost_to=0")) == set(everything) - {seq for seq, _ in costs}
    middle = (await ada.get("/activity"))["items"][4]
    assert await seqs(ada, "?until=" + middle["at"].replace("+", "%2B")) == [
        seq for seq in everything if seq < middle["seq"]
    ]
    assert await seqs(ada, "?since=" + middle["at"].replace("+", "%2B")) == [
        seq for seq in everything if seq >= middle["seq"]
    ]
    assert await seqs(ada, "?since=2001-01-01T00:00:00Z&until=2001-02-01T00:00:00Z") == []
    assert await seqs(ada, "?until=2999-01-01T00:00:00Z&q=arlington&state=done") == [costs[1][0]]


async def test_another_user_finds_nothing_of_it(ada: Person, eve: Person, postgres: Postgres, card: Card) -> None:
    for query in (
        f"?workflow={card.workflow_id}",
        "?q=arlington",
        f"?person=user:{ada.user_id}",
        f"?run_id={card.run_id}",
    ):
        assert await seqs(ada, query)
        assert await seqs(eve, query) == []
    # Not even through the search function itself, asked for the other's own mark.
    bucket = f"'\x01u{ada.user_id.hex}:0'"
    ask = text("SELECT count(*) FROM coco_audit_find(:marks, NULL, 99999, NULL, NULL, 0, 99999, 100)")
    async with postgres.api.user(ada.user_id) as session:
        assert (await session.execute(ask, {"marks": bucket})).scalar_one() > 5
    async with postgres.api.user(eve.user_id) as session:
        assert (await session.execute(ask, {"marks": bucket})).scalar_one() == 0
        mine = (await session.execute(ask, {"marks": f"{bucket} | '\x01tuser'"})).scalar_one()
    assert mine == len(await seqs(eve, "?person=user")) > 0
    async with postgres.api.user(eve.user_id) as session:
        assert (await session.execute(ask, {"marks": f"{bucket} & '\x01tuser'"})).scalar_one() == 0
    async with postgres.api.system() as session:
        assert (await session.execute(ask, {"marks": bucket})).scalar_one() == 0


async def test_pages_stand_still_while_entries_come(ada: Person, postgres: Postgres, card: Card) -> None:
    for query in ("?limit=2", "?limit=2&person=user", "?limit=2&q=ada OR arlington"):
        whole = await seqs(ada, query.replace("limit=2", "limit=100"))
        seen: list[int] = []
        cursor = ""
        while True:
            page = await ada.get(f"/activity{query}{cursor}")
            seen += [item["seq"] for item in page["items"]]
            async with postgres.api.user(ada.user_id) as session:
                body = {"note": "arlington"}
                await audit.append(session, ada.user_id, AuditKind.SIGN_IN, actor=f"user:{ada.user_id}", body=body)
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert seen == whole


async def test_the_buckets_of_a_long_chain_are_walked_newest_first(ada: Person, postgres: Postgres) -> None:
    """Entries in several buckets: sparse, dense, and far apart."""
    size = 1 << BUCKET_BITS
    wanted = {5, size - 1, size, 3 * size + 7, 3 * size + 8, 7 * size, *range(9 * size, 9 * size + 70)}
    total = 10 * size
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("DELETE FROM audit WHERE user_id = %s", (ada.user_id,))
        owner.execute(
            "INSERT INTO audit (user_id, seq, at, kind, actor, body, prev_hash, hash, once) "
            "SELECT %s, n, %s::timestamptz + n * interval '1 second', 'sign_in', 'system', "
            "CASE WHEN n = ANY (%s) THEN '{\"t\": \"needle\"}'::jsonb ELSE '{}'::jsonb END, '', '', false "
            "FROM generate_series(1, %s) n",
            (ada.user_id, datetime(2026, 1, 1, tzinfo=UTC), sorted(wanted), total),
        )
    found: list[int] = []
    cursor = None
    async with postgres.api.user(ada.user_id) as session:
        while True:
            page = await feed.page(session, ada.user_id, Filter(q="needle"), cursor=cursor, limit=20)
            found += [item.seq for item in page.items]
            if page.next is None:
                break
            cursor = page.next
        assert found == sorted(wanted, reverse=True)
        start = datetime(2026, 1, 1, tzinfo=UTC)
        month = Filter(q="needle", since=start + timedelta(seconds=size), until=start + timedelta(seconds=3 * size + 8))
        assert [item.seq for item in (await feed.page(session, ada.user_id, month)).items] == [3 * size + 7, size]
        rest = [entry async for entry in feed.everything(lambda: postgres.api.user(ada.user_id), ada.user_id,
                                                         Filter(kind=AuditKind.SIGN_IN), up_to=total)]  # fmt: skip
    assert [entry.seq for entry in rest] == list(range(total, 0, -1))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_search_is_answered_or_refused(q: str) -> None:
    if len(q) <= 200:
        try:
            words = feed._words(q)
        except InvalidInput:
            return
        assert words is None or "\0" not in words


async def test_odd_searches_reach_postgres_whole(ada: Person, postgres: Postgres, card: Card) -> None:
    odd = [
        "a'b",
        "\\",
        "a\\'b",
        "é́",
        "日本語",
        "a\x00b",
        "\x01uabc:0",
        "𝔸",
        "a:b:*",
        "!a",
        "<->",
        "(((",
        "'':*",
        "‮x",
        "-a -b",
    ]
    async with postgres.api.user(ada.user_id) as session:
        for q in odd:
            if feed._SEPARATORS.sub("", q):
                await feed.page(session, ada.user_id, Filter(q=q))
            else:
                with pytest.raises(InvalidInput, match="give a word"):
                    await feed.page(session, ada.user_id, Filter(q=q))


async def test_an_entry_of_any_size_is_written_and_searched(ada: Person, postgres: Postgres) -> None:
    """Words beyond every limit of a text index, and it is still written."""
    bodies: list[dict[str, Any]] = [
        {"text": "x" * 3_000_000},
        {"text": " ".join(f"word{number}" for number in range(120_000))},
        {"text": " ".join("𝔘𝔫𝔦" + chr(0x4E00 + number % 20_000) for number in range(60_000))},
        {"operation": "o" * 5000, "workflow": "w" * 5000, "connection": "\x01k" + "c" * 5000},
        {"operation": 7, "workflow": {"a": [1]}, "credits": {"total": 1e300}, "after": [1, 2]},
        {"credits": {"total": "many"}, "after": "text", "operation": None, "deep": [[[[{"a": {"b": ["found"]}}]]]]},
        {},
    ]
    async with postgres.api.user(ada.user_id) as session:
        for body in bodies:
            await audit.append(session, ada.user_id, AuditKind.SIGN_IN, actor="system", body=body)
        assert len((await feed.page(session, ada.user_id, Filter(q="found"))).items) == 1
        assert len((await feed.page(session, ada.user_id, Filter(q="word17"))).items) == 1
        assert len((await feed.page(session, ada.user_id, Filter(cost_from=2**31 - 1))).items) == 1


# -- exporting ---------------------------------------------------------------------------------------------------------


async def exported(person: Person, form: str, **wanted: Any) -> bytes:
    response = await person.call("POST", "/audit/exports", json={"form": form, "filter": wanted})
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"].startswith('attachment; filename="coco-')
    return response.content


async def test_files_hold_what_the_feed_shows_in_its_order(ada: Person, card: Card) -> None:
    for wanted in ({}, {"q": "arlington"}, {"state": "done"}, {"run_id": str(card.run_id), "cost_from": 1}):
        query = "&".join(f"{name}={value}" for name, value in wanted.items())
        lines = (await exported(ada, "jsonl", **wanted)).decode().splitlines()
        told = [json.loads(line) for line in lines]
        shown = (await ada.get(f"/activity?limit=100&{query}"))["items"]
        if not wanted:
            assert (shown[0]["kind"], shown[0]["body"]) == ("audit_exported", {"form": "jsonl", "filter": {}})
        assert told == shown
        sheet = list(csv.reader(io.StringIO((await exported(ada, "csv", **wanted)).decode(), newline="")))
        assert tuple(sheet[0]) == COLUMNS
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in sheet[1:]]
        ours = [row for row in rows if row["kind"] != "audit_exported"]
        assert [int(row["entry"]) for row in ours] == [
            item["seq"] for item in shown if item["kind"] != "audit_exported"
        ]
        by_number = {item["seq"]: item for item in shown}
        for row in ours:
            entry = by_number[int(row["entry"])]
            assert json.loads(row["everything"]) == entry["body"]
            assert row["hash"] == entry["hash"]


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "\u00a0=1",
    "＝1",
    "＋1",
    "－1",
    "＠1",
    "'=1",
    "\ufeff=1",
]


async def test_no_cell_is_a_formula(ada: Person, postgres: Postgres) -> None:
    async with postgres.api.user(ada.user_id) as session:
        for value in FORMULAS:
            body = {"summary": value, "record": value, "message": value, "reason": value, "operation": value}
            await audit.append(session, ada.user_id, AuditKind.SIGN_IN, actor=value, body=body)
    sheet = list(csv.reader(io.StringIO((await exported(ada, "csv")).decode(), newline="")))
    for row in sheet[1:]:
        for cell in row:
            assert not cell.lstrip(" \u00a0\ufeff").startswith(
                ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
            ), cell
    assert harmless("plain") == "plain"


async def test_the_whole_chain_is_exported_with_its_signatures(ada: Person, postgres: Postgres, card: Card) -> None:
    keeper = asyncio.create_task(CheckpointKeeper(postgres.control, KEY, "local").run())
    try:
        first = (await exported(ada, "chain")).splitlines(keepends=True)
        second = (await exported(ada, "chain")).splitlines(keepends=True)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    [published] = await ada.get("/audit/keys")
    assert published == {"id": KEY.id, "pem": public_text(KEY.public)}
    report = verify(second, [Key(published["pem"])], user=ada.email, kept=first)
    assert report.problems == []
    assert report.entries == (await ada.get("/activity"))["items"][0]["seq"]
    listed = (await ada.get("/audit/checkpoints"))["items"]
    assert [item["reason"] for item in listed] == ["export", "export"]
    assert verify(second, [Key(published["pem"])], kept=[item["line"].encode() for item in listed]).problems == []
    refused = await ada.call("POST", "/audit/exports", json={"form": "chain", "filter": {"q": "x"}})
    assert (refused.status_code, code(refused)) == (422, "invalid")


async def test_without_the_control_worker_a_chain_is_not_exported(ada: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_files, "SIGNED_WITHIN", 0.2)
    response = await ada.call("POST", "/audit/exports", json={"form": "chain"})
    assert (response.status_code, code(response)) == (503, "unavailable")


async def test_a_chain_that_does_not_hold_is_not_exported_as_if_it_did(
    ada: Person, postgres: Postgres, card: Card, app: FastAPI, parts: Parts
) -> None:
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE audit SET actor = 'system' WHERE seq = 2")
    keeper = asyncio.create_task(CheckpointKeeper(postgres.control, KEY, "local").run())
    try:
        response = await ada.call("POST", "/audit/exports", json={"form": "chain"})
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    assert response.status_code == 409
    assert "entry 2: its content was changed" in response.json()["error"]["message"]
    async with visit(app, parts, ada.email) as visitor:
        assert "It does not hold, and was not signed: entry 2" in await visitor.get("/activity")


MALFORMED: list[dict[str, Any]] = [
    {},
    {"form": "pdf"},
    {"form": "csv", "filter": {"nobody": 1}},
    {"form": "csv", "filter": {"q": "!!"}},
    {"form": "csv", "filter": {"state": "x"}},
]


@pytest.mark.parametrize("asked", MALFORMED)
async def test_a_malformed_export_is_refused_and_no_entry(ada: Person, asked: dict[str, Any]) -> None:
    before = await seqs(ada)
    response = await ada.call("POST", "/audit/exports", json=asked)
    assert (response.status_code, code(response)) == (422, "invalid")
    assert await seqs(ada) == before


# -- the page ----------------------------------------------------------------------------------------------------------


async def test_the_page_searches_filters_pages_and_exports_without_scripts(
    ada: Person, postgres: Postgres, card: Card, app: FastAPI, parts: Parts
) -> None:
    parts.settings.temporal_ui_url = "http://127.0.0.1:8233"
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/activity")
        assert "Set City of Grace Hopper to Arlington" in page
        assert URL in page
        assert f"/workflows/run%3A{ada.user_id}%3A{card.run_id}" in page
        page = await visitor.get(f"/activity?q=troms%C3%B8&workflow={card.workflow_id}&what=rejected")
        assert "she moved to Tromsø" in page
        assert len(re.findall(r'id="entry-\d+"', page)) == 1
        assert f'<option value="{card.workflow_id}" selected>' in page
        assert "Nothing fits." in await visitor.get("/activity?q=nowhere")
        assert "write a day as" in await visitor.get("/activity?since=tomorrow", status=422)
        assert "is not one that there is" in await visitor.get("/activity?workflow=x", status=422)
        today = datetime.now(UTC).date().isoformat()
        assert "Arlington" in await visitor.get(f"/activity?since={today}&until={today}&q=arlington")
        async with postgres.api.user(ada.user_id) as session:
            for number in range(70):
                body = {"address": f"10.1.1.{number}"}
                await audit.append(session, ada.user_id, AuditKind.SIGN_IN, actor=f"user:{ada.user_id}", body=body)
        page = await visitor.get("/activity?what=sign_in")
        older = re.search(r'href="(/activity\?[^"]+)" rel="next"', page)
        assert older is not None
        second = await visitor.get(older[1].replace("&amp;", "&"))
        assert "from 10.1.1.0<" in second
        assert "← Newest" in second
        assert '<option value="sign_in" selected>' in second
        response = await visitor.post("/activity/export", {"form": "csv", "q": "tromsø"})
        assert response.headers["content-type"].startswith("text/csv")
        # The heading, the rejection, and the export's own entry, which holds the word as its filter.
        assert response.text.count("\r\n") == 3
        refused = await visitor.post("/activity/export", {"form": "pdf"})
        assert (refused.status_code, "choose CSV" in refused.text) == (422, True)


async def test_nothing_in_an_entry_becomes_markup(ada: Person, postgres: Postgres, app: FastAPI, parts: Parts) -> None:
    nasty = "<script>alert(1)</script>"
    body = {
        "summary": nasty, "reason": nasty, "message": nasty, "record": nasty, "after": {nasty: nasty},
        "before": {nasty: nasty}, "questions": [{"text": nasty, "answer": nasty}],
        "links": {"record": "javascript:alert(1)", "message": nasty}, "prior": {"a": nasty},
        "outcome": {"result": nasty}, "credits": {"total": 3, "items": [{"item": nasty, "credits": 3}]},
    }  # fmt: skip
    async with postgres.api.user(ada.user_id) as session:
        await audit.append(session, ada.user_id, AuditKind.ACTION_DONE, actor=nasty, body=body)
    async with visit(app, parts, ada.email) as visitor:
        for path in ("/activity", "/activity?q=alert", "/activity?q=%3Cscript%3Ealert(1)%3C/script%3E"):
            page = await visitor.get(path)
            assert "<script>alert" not in page
            assert 'href="javascript' not in page


# -- taking back -------------------------------------------------------------------------------------------------------


async def test_a_write_is_taken_back_by_an_action_that_waits_for_approval(
    ada: Person, card: Card, app: FastAPI, parts: Parts
) -> None:
    write = card.actions[0]
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/activity?state=&q=arlington")
        assert page.count(f'action="/actions/{write.id}/undo"') == 1
        response = await visitor.post(f"/actions/{write.id}/undo", {"q": "arlington"})
        assert response.status_code == 303, response.text
        run_id = response.headers["location"].removeprefix("/runs/")
        [proposal] = (await ada.get(f"/runs/{run_id}"))["actions"]
        where = f"/runs/{run_id}#action-{proposal['id']}"
        page = await visitor.get("/activity?q=arlington&what=done")
        assert f'<a href="{where}">Taking it back</a>: Waits for you' in page
        assert f"/actions/{write.id}/undo" not in page
        original = f"/runs/{card.run_id}#action-{write.id}"
        assert f'Takes back <a href="{original}">' in await visitor.get(f"/runs/{run_id}")
    assert proposal["earlier"]["action_id"] == str(write.id)
    assert (proposal["state"], proposal["origin"]) == ("pending", "undo")
    assert (proposal["before"], proposal["after"]) == ({"city": "Arlington"}, {"city": ""})
    [started] = (await ada.get(f"/activity?run_id={run_id}"))["items"]
    assert started["body"]["undoes"] == str(write.id)
    again = await ada.call("POST", f"/actions/{write.id}/undo")
    assert (again.status_code, code(again)) == (409, "conflict")
    await ada.post(f"/actions/{proposal['id']}/reject", {"digest": proposal["digest"], "reason": "not yet"})
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/activity?q=arlington&what=done")
        assert f'<a href="{where}">Taking it back</a>: Rejected' in page
        assert page.count(f'action="/actions/{write.id}/undo"') == 1
    # Nothing came of it: it may be proposed once more.
    second = await ada.post(f"/actions/{write.id}/undo", status=201)
    assert second["run_id"] != run_id


async def test_an_undo_of_a_changed_record_shows_before_ours_and_now_and_asks(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    told = await ada.post(f"/actions/{card.actions[0].id}/undo", status=201)
    [proposal] = (await ada.get(f"/runs/{told['run_id']}"))["actions"]
    with postgres.connect() as connection:
        # As the control side leaves it where the gateway has found another value.
        connection.execute("ALTER TABLE actions DISABLE TRIGGER USER")
        connection.execute(
            """UPDATE actions SET origin = 'drift', shown_before = '{"city": "Arlington"}',
               body = jsonb_set(body::jsonb, '{prior,value,city}', '"Boston"') WHERE id = %s""",
            (proposal["id"],),
        )
        connection.execute("ALTER TABLE actions ENABLE TRIGGER USER")
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get(f"/runs/{told['run_id']}")
    table = page[page.index('<table class="diff three">') : page.index("</table>")]
    assert re.findall(r'<th scope="col">(\w+)</th>', table) == ["Field", "Before", "Ours", "Now"]
    row = re.search(r'data-head="Before"[^>]*>(.*?)</td>.*Ours">(.*?)</td>.*"Now"[^>]*>(.*?)</td>', table, re.DOTALL)
    assert row is not None
    assert ("empty" in row[1], row[2], row[3]) == (True, "Arlington", "Boston")
    assert f'action="/actions/{proposal["id"]}/decide"' in page


async def test_what_was_sent_says_so_and_offers_a_follow_up_draft(
    ada: Person, card: Card, app: FastAPI, parts: Parts
) -> None:
    mail = card.actions[2]
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/activity?what=done")
        assert "Cannot be undone. What was sent stays sent." in page
        assert page.count(f'action="/actions/{mail.id}/follow-up"') == 1
        assert f'action="/actions/{mail.id}/undo"' not in page
        response = await visitor.post(f"/actions/{mail.id}/follow-up", {})
        assert response.status_code == 303, response.text
        where = response.headers["location"]
        shown = await visitor.get(where)
        # Before it is approved, its card says that it will not come back either.
        assert "Cannot be undone. What was sent stays sent." in shown
        assert f'Follows <a href="/runs/{card.run_id}#action-{mail.id}">' in shown
        page = await visitor.get("/activity?what=done")
        assert f'action="/actions/{mail.id}/follow-up"' not in page
        assert f'<a href="{where}#action-' in page
    [draft] = (await ada.get(where))["actions"]
    assert (draft["state"], draft["origin"], draft["earlier"]["how"]) == ("pending", "follow_up", "follow_up")
    assert draft["arguments"]["to"] == ["grace@navy.example"]
    assert draft["arguments"]["subject"].startswith("Correction: ")
    again = await ada.call("POST", f"/actions/{mail.id}/follow-up")
    assert code(again) == "conflict"
    # A follow-up takes nothing back.
    told = await ada.get(f"/runs/{card.run_id}/revert")
    by = {item["action_id"]: item for item in told["items"]}
    assert (told["taken_back"], by[str(mail.id)]["stands"]) == (0, "no_way_back")
    assert f"/runs/{by[str(mail.id)]['followed_in']}" == where
    wrong = await ada.call("POST", f"/actions/{card.actions[0].id}/follow-up")
    assert code(wrong) == "invalid"


async def test_the_follow_up_of_a_chat_message_is_edited_before_it_is_approved(ada: Person, postgres: Postgres) -> None:
    """Its card names who it is to, by what was read before the first one."""
    card = await make_card(postgres, ada.user_id, updates=0)
    await add_message(postgres, card)
    [row] = card.actions
    await ada.post(f"/actions/{row.id}/approve", {"digest": row.digest})
    await carry_out(postgres, card, 0, {"id": "1760000001.000200", "channel": "D0123456789"})
    told = await ada.post(f"/actions/{row.id}/follow-up", status=201)
    [draft] = (await ada.get(f"/runs/{told['run_id']}"))["actions"]
    assert draft["arguments"]["user"] == "U0123456789"
    path, arguments = f"/actions/{draft['id']}/edit", {"user": "U0123456789", "text": "I meant the other pilot."}
    edited = await ada.post(path, {"digest": draft["digest"], "arguments": arguments}, status=201)
    assert edited["body"] == "I meant the other pilot."
    assert edited["summary"].startswith("Write to Grace Hopper")
    approved = await ada.post(f"/actions/{edited['id']}/approve", {"digest": edited["digest"]})
    assert approved["state"] == "approved"


async def test_what_was_sent_or_never_took_place_is_not_taken_back(
    ada: Person, card: Card, app: FastAPI, parts: Parts
) -> None:
    rejected, mail = card.actions[1], card.actions[2]
    before = await seqs(ada)
    sent = await ada.call("POST", f"/actions/{mail.id}/undo")
    assert (sent.status_code, "hat was sent stays sent" in sent.text) == (422, True)
    assert (await ada.call("POST", f"/actions/{rejected.id}/undo")).status_code == 409
    async with visit(app, parts, ada.email) as visitor:
        assert f"/actions/{mail.id}/undo" not in await visitor.get("/activity")
        refused = await visitor.post(f"/actions/{mail.id}/undo", {})
        assert (refused.status_code, "hat was sent stays sent" in refused.text) == (422, True)
        assert "Set City of Grace Hopper" in refused.text
    assert [seq for seq in await seqs(ada) if seq <= before[0]] == before
    assert await kinds(ada, "?kind=run_started") == ["run_started"]


async def test_what_a_purge_took_out_is_gone_from_search_and_the_signed_record_still_holds(
    ada: Person, postgres: Postgres
) -> None:
    card = await make_card(postgres, ada.user_id, question=True)
    await ada.post(f"/questions/{card.questions[0].id}/answer", {"text": "Qualified"})
    async with postgres.api.user(ada.user_id) as session:
        await session.execute(text("UPDATE connections SET state = 'revoked' WHERE id = :c"), {"c": card.crm})
    assert await kinds(ada, "?q=qualified") == ["question_answered"]
    async with postgres.control.user(ada.user_id) as session:
        assert await revoking.purge(session, ada.user_id, card.crm) > 0
    assert await kinds(ada, "?q=qualified") == []
    assert await kinds(ada, "?q=erased OR revoked&kind=question_answered") == ["question_answered"]
    keeper = asyncio.create_task(CheckpointKeeper(postgres.control, KEY, "local").run())
    try:
        lines = (await exported(ada, "chain")).splitlines(keepends=True)
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
    report = verify(lines, [Key(public_text(KEY.public))])
    assert report.problems == []
    assert report.erased > 0


async def test_a_finished_run_is_taken_back_from_its_page(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    async with visit(app, parts, ada.email) as visitor:
        early = await visitor.get(f"/runs/{card.run_id}")
        assert f"/runs/{card.run_id}/revert" not in early
        refused = await visitor.post(f"/runs/{card.run_id}/revert", {})
        assert (refused.status_code, "the run goes on" in refused.text) == (409, True)
        async with postgres.control.user(ada.user_id) as session:
            (await session.get_one(Run, card.run_id)).state = "done"
        page = await visitor.get(f"/runs/{card.run_id}")
        assert page.count(f'action="/runs/{card.run_id}/revert"') == 1
        assert "1 action has no way back" in page
        assert "What was sent stays sent." in page
        assert "Correction: " in page
        response = await visitor.post(f"/runs/{card.run_id}/revert", {})
        assert response.status_code == 303, response.text
        where = response.headers["location"]
        shown = await visitor.get(where)
        assert "stays sent" in shown
        assert f"action {card.actions[0].id}" in shown
        page = await visitor.get(f"/runs/{card.run_id}")
        assert f'action="/runs/{card.run_id}/revert"' not in page
        assert "0 of 2 actions are taken back." in page
        assert f'href="{where}#action-' in page
