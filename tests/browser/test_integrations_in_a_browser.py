"""Integrations, a run's progress and pausing it, in Chromium: by mouse, live, on a phone."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.async_api import Page, expect

from store import calls
from store.tables import utc_now
from tests.api.cards import Card, make_card, set_action_state
from tests.browser.conftest import picture, sign_up, user_id
from tests.conftest import Postgres

pytestmark = pytest.mark.browser


@pytest.fixture
async def card(page: Page, postgres: Postgres) -> Card:
    # Generous: what is waited for is that it comes, not how fast.
    page.set_default_timeout(60_000)
    page.set_default_navigation_timeout(90_000)
    expect.set_options(timeout=30_000)
    await sign_up(page)
    made = await make_card(postgres, user_id(postgres), updates=6, mails=1)
    async with postgres.gateway.user(made.user_id) as session:
        for index, (operation, method, path, status, outcome) in enumerate(
            [
                ("contacts.search", "POST", "/crm/v3/objects/contacts/search", 200, "answered"),
                ("contacts.get", "GET", "/crm/v3/objects/contacts/{contactId}", 200, "answered"),
                ("contacts.get", "GET", "/crm/v3/objects/contacts/{contactId}", 429, "throttled"),
                ("contacts.update", "PATCH", "/crm/v3/objects/contacts/{contactId}", 200, "done"),
                ("contacts.get", "GET", "/crm/v3/objects/contacts/{contactId}", None, "no_answer"),
            ]
        ):
            await calls.note(
                session,
                made.user_id,
                made.crm,
                "send" if outcome == "done" else "read",
                operation=operation,
                method=method,
                path=path,
                status=status,
                outcome=outcome,  # type: ignore[arg-type]
                seconds=0.08 * (index + 1),
                run_id=made.run_id,
                action_id=made.action.id if outcome == "done" else None,
            )
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE connections DISABLE TRIGGER check_connection")
        owner.execute(
            "UPDATE connections SET scopes = %s, credential_set_at = now() - interval '120 days', last_used_at = now() "
            "WHERE id = %s",
            ('["crm.objects.contacts.read","crm.objects.contacts.write"]', made.crm),
        )
        owner.execute(
            "UPDATE connections SET state = 'needs_reconnection', broken_at = now(), "
            "reason = 'The provider does not accept its key any more. Connect it again.' WHERE id = %s",
            (made.mail,),
        )
        owner.execute("ALTER TABLE connections ENABLE TRIGGER check_connection")
    return made


def state(postgres: Postgres, connection_id: UUID) -> str:
    with postgres.connect() as owner:
        row = owner.execute("SELECT state FROM connections WHERE id = %s", (connection_id,)).fetchone()
    assert row is not None
    return str(row[0])


async def test_what_is_connected_is_seen_made_read_only_and_revoked(page: Page, card: Card, postgres: Postgres) -> None:
    await page.goto("/connections")
    await expect(page.get_by_role("heading", name="Integrations")).to_be_visible()
    crm = page.locator(f"#connection-{card.crm}")
    await expect(crm).to_contain_text("more than three months")
    await expect(page.locator(f"#connection-{card.mail}")).to_contain_text("Needs reconnection")
    await picture(page, "integrations-desktop")
    await crm.get_by_role("button", name="Make it read-only").click()
    await expect(page.locator(f"#connection-{card.crm}")).to_contain_text("Read-only")
    assert state(postgres, card.crm) == "read_only"
    await page.locator(f"#connection-{card.crm}").get_by_role("link", name="HubSpot").click()
    await expect(page.get_by_role("heading", name="Calls")).to_be_visible()
    rows = page.locator("table.calls tbody tr")
    await expect(rows).to_have_count(5)
    await expect(rows.nth(1)).to_contain_text("200")
    await picture(page, "integration-desktop")
    await page.locator("details.revoke > summary").click()
    await expect(page.get_by_text("What was read through it is removed")).to_be_visible()
    await page.get_by_role("button", name="Revoke HubSpot").click()
    await expect(page.locator("#integration-head")).to_contain_text("Revoked")
    assert state(postgres, card.crm) == "revoked"
    await picture(page, "integration-revoked-desktop")


async def test_on_a_phone_nothing_runs_over(page: Page, card: Card) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    for address, name in (
        ("/connections", "integrations-phone"),
        (f"/connections/{card.crm}", "integration-phone"),
        (f"/runs/{card.run_id}", "card-phone"),
    ):
        await page.goto(address)
        await picture(page, name)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address


async def test_progress_is_live_and_the_run_is_paused_and_resumed(page: Page, card: Card, postgres: Postgres) -> None:
    for row in card.actions[:6]:
        set_action_state(postgres, row.id, "approved")
    with postgres.connect() as owner:
        owner.execute("UPDATE runs SET state = 'working' WHERE id = %s", (card.run_id,))
    await page.goto(f"/runs/{card.run_id}")
    await expect(page.locator("#progress")).to_contain_text("0 of 6 done")
    await expect(page.locator("body")).to_have_attribute("data-live", "yes")
    for number, row in enumerate(card.actions[:3], 1):
        set_action_state(postgres, row.id, "failed" if number == 3 else "done")
        async with postgres.control.user(card.user_id) as session:
            from store import events

            await events.tell(session, card.user_id, "action", run_id=card.run_id, body={"id": str(row.id)})
    await expect(page.locator("#progress")).to_contain_text("2 of 6 done, 1 failed")
    await page.get_by_role("button", name="Pause the run").click()
    await expect(page.locator("#top")).to_contain_text("Paused")
    await picture(page, "card-paused-desktop")
    with postgres.connect() as owner:
        row = owner.execute("SELECT paused_at FROM runs WHERE id = %s", (card.run_id,)).fetchone()
    assert row is not None
    assert row[0] <= utc_now()
    await page.get_by_role("button", name="Resume the run").click()
    await expect(page.get_by_role("button", name="Pause the run")).to_be_visible()
    with postgres.connect() as owner:
        assert owner.execute("SELECT paused_at FROM runs WHERE id = %s", (card.run_id,)).fetchone() == (None,)
