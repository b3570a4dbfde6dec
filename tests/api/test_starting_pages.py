"""Schedules and webhooks on the workflow's page."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.api.cards import Card, make_card
from tests.api.pages import Visitor
from tests.api.people import Person
from tests.autonomy.test_hooks import signed
from tests.conftest import Postgres

WEEKDAYS = "every weekday at 8:00 Europe/Berlin"


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id)


def rows(postgres: Postgres, columns: str = "sentence, state, note") -> list[tuple[object, ...]]:
    with postgres.connect() as owner:
        return owner.execute(f"SELECT {columns} FROM schedules ORDER BY created_at").fetchall()


def timing(sentence: str, catch_up: str = "60", jitter: str = "0") -> dict[str, str | list[str]]:
    return {"sentence": sentence, "catch_up": catch_up, "jitter": jitter}


async def added(visitor: Visitor, card: Card, sentence: str = WEEKDAYS) -> str:
    """The schedule's address."""
    response = await visitor.post(f"/workflows/{card.workflow_id}/schedules", timing(sentence))
    assert response.status_code == 303, response.text
    page = await visitor.get(f"/workflows/{card.workflow_id}")
    found = re.search(r'action="(/schedules/[^/"]+)#schedules"', page)
    assert found is not None
    return found[1]


async def test_a_schedule_is_made_in_plain_terms_and_shows_its_next_times(
    visitor: Visitor, card: Card, postgres: Postgres
) -> None:
    await added(visitor, card)
    assert rows(postgres) == [(WEEKDAYS, "active", "")]
    page = await visitor.get(f"/workflows/{card.workflow_id}")
    assert WEEKDAYS in page
    assert "Not in force yet" in page
    told = page.partition('id="schedules"')[2].partition("Next: ")[2].partition("</p>")[0]
    moments = [datetime.fromisoformat(found) for found in re.findall(r'datetime="([^"]+)"', told)]
    assert len(moments) == 3
    for moment in moments:
        local = moment.astimezone(ZoneInfo("Europe/Berlin"))
        assert moment > datetime.now(UTC)
        assert (local.weekday() < 5, local.hour, local.minute) == (True, 8, 0)


@pytest.mark.parametrize(
    ("form", "told"),
    [
        (timing("every wekday at 8:00 UTC"), "did you mean weekday?"),
        (timing("every weekday at 8:00"), "Say in which time zone"),
        (timing(""), "Say when it should run"),
        (timing(WEEKDAYS, catch_up="soon"), "Minutes late, at most: a whole number"),
        (timing(WEEKDAYS, jitter="4000"), "jitter_seconds: between 0 and 3600"),
    ],
)
async def test_what_cannot_be_placed_comes_back_with_its_input(
    visitor: Visitor, card: Card, postgres: Postgres, form: dict[str, str | list[str]], told: str
) -> None:
    response = await visitor.post(f"/workflows/{card.workflow_id}/schedules", form)
    assert response.status_code == 422
    page = html.unescape(response.text)
    assert told in page.partition('<p class="wrong">')[2].partition("</p>")[0]
    assert f'name="sentence" value="{form["sentence"]}"' in page
    assert rows(postgres) == []


async def test_change_pause_with_a_note_resume_and_delete(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    path, page = await added(visitor, card), f"/workflows/{card.workflow_id}"
    wrong = await visitor.post(path, timing("every fortnight"))
    assert wrong.status_code == 422
    assert 'name="sentence" value="every fortnight"' in wrong.text
    assert rows(postgres) == [(WEEKDAYS, "active", "")]
    assert (await visitor.post(path, timing("every 2 hours", "10", "30"))).status_code == 303
    assert rows(postgres, "sentence, plan->>'seconds', catch_up_seconds, jitter_seconds") == [
        ("every 2 hours", "7200", 600, 30)
    ]
    long = await visitor.post(f"{path}/pause", {"note": "x" * 501})
    assert (long.status_code, "x" * 501 in long.text) == (422, True)
    assert (await visitor.post(f"{path}/pause", {"note": "the team is <away>"})).status_code == 303
    assert rows(postgres) == [("every 2 hours", "paused", "the team is <away>")]
    told = await visitor.get(page)
    assert "Your note: the team is &lt;away&gt;" in told
    assert "Next: " not in told
    assert (await visitor.post(f"{path}/resume", {})).status_code == 303
    assert rows(postgres) == [("every 2 hours", "active", "")]
    assert (await visitor.post(f"{path}/delete", {})).status_code == 303
    assert "every 2 hours</strong>" not in await visitor.get(page)
    gone = await visitor.post(f"{path}/resume", {})
    assert gone.status_code == 409
    assert "this schedule was deleted" in gone.text


def secret_on(page: str) -> tuple[str, str]:
    """(address, secret) as the page shows them once."""
    address = re.search(r"<dt>Address</dt><dd><code>([^<]+)</code>", page)
    secret = re.search(r"<dt>Secret</dt><dd><code>([^<]+)</code>", page)
    assert address is not None
    assert secret is not None
    return address[1], secret[1]


async def test_a_webhook_shows_its_secret_once_and_starts_runs(
    visitor: Visitor, client: httpx.AsyncClient, card: Card
) -> None:
    page = f"/workflows/{card.workflow_id}"
    made = await visitor.post(f"{page}/hooks", {})
    assert made.status_code == 200
    assert "no-store" in made.headers["cache-control"]
    address, secret = secret_on(made.text)
    assert address.startswith(str(visitor.client.base_url))
    hook = address.rpartition("/")[2]
    later = await visitor.get(page)
    assert f"/hooks/{hook}" in later
    assert secret not in later
    assert (await client.post(f"/hooks/{hook}", headers=signed(secret, "d1", b""))).status_code == 202
    rotated = await visitor.post(f"/workflow-hooks/{hook}/rotate", {})
    _, other = secret_on(rotated.text)
    assert other != secret
    assert (await client.post(f"/hooks/{hook}", headers=signed(secret, "d2", b""))).status_code == 401
    assert (await client.post(f"/hooks/{hook}", headers=signed(other, "d2", b""))).status_code == 202
    assert (await visitor.post(f"/workflow-hooks/{hook}/disable", {})).status_code == 303
    assert (await client.post(f"/hooks/{hook}", headers=signed(other, "d3", b""))).status_code == 401
    assert hook not in await visitor.get(page)
    assert (await visitor.post(f"/workflow-hooks/{hook}/rotate", {})).status_code == 409


async def test_a_form_without_the_pages_token_changes_nothing(visitor: Visitor, card: Card, postgres: Postgres) -> None:
    path = await added(visitor, card)
    before = rows(postgres)
    for address in (f"/workflows/{card.workflow_id}/schedules", path, f"{path}/pause", f"{path}/delete"):
        assert (await visitor.post(address, timing("every 2 hours"), csrf="x")).status_code == 403
    assert (await visitor.post(f"/workflows/{card.workflow_id}/hooks", {}, csrf="x")).status_code == 403
    assert rows(postgres) == before
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(*) FROM hooks").fetchone() == (0,)
