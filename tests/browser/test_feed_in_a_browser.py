"""The activity page in Chromium: searching, filtering, unfolding, exporting; live; on a phone; without scripts."""

from __future__ import annotations

from uuid import UUID

import pytest
from playwright.async_api import Browser, Page, expect

from coco.audit import AuditKind
from store import audit
from tests.api.cards import Card, make_card
from tests.api.serving import Served
from tests.api.test_audit_feed import URL, carry_out
from tests.browser.conftest import PASSWORD, picture, sign_up, user_id
from tests.conftest import Postgres

pytestmark = pytest.mark.browser


async def decided(postgres: Postgres, owner: UUID) -> Card:
    """A run with a write and a mail carried out, and one write rejected."""
    from coco.decisions import Verdict
    from store import decisions

    card = await make_card(postgres, owner, updates=2, mails=1)
    for number, row in enumerate(card.actions):
        verdict, why = (Verdict.REJECT, "She moved to Paris") if number == 1 else (Verdict.APPROVE, "")
        async with postgres.api.user(owner) as session:
            await decisions.decide(session, owner, row.id, verdict, row.digest, why)
    await carry_out(postgres, card, 0, {"id": "1001", "url": URL})
    await carry_out(postgres, card, 2, {"message_id": "<abc@coco.example>"})
    return card


async def test_search_filter_unfold_and_export(page: Page, postgres: Postgres) -> None:
    await sign_up(page)
    card = await decided(postgres, user_id(postgres))
    await page.goto("/activity")
    entries = page.locator("#feed-list > ol > li")
    await expect(entries.first).to_contain_text("Shall we pick this up again?")
    await picture(page, "feed")
    await page.get_by_role("searchbox").fill("arlington")
    await page.get_by_role("button", name="Search").click()
    await expect(entries).to_have_count(3)
    await page.get_by_text("Filters").click()
    await page.get_by_label("What").select_option("done")
    await page.get_by_label("Workflow").select_option(str(card.workflow_id))
    await page.get_by_role("button", name="Apply").click()
    await expect(entries).to_have_count(1)
    assert "what=done" in page.url
    await entries.first.get_by_text("All of it").click()
    await expect(entries.first.get_by_role("link", name=URL)).to_be_visible()
    await expect(entries.first).to_contain_text("ada@example.com")
    await picture(page, "feed-unfolded")
    async with page.expect_download() as waiting:
        await page.get_by_role("button", name="CSV").click()
    download = await waiting.value
    text = (await download.path()).read_text()
    assert download.suggested_filename.endswith(".csv")
    assert text.count("action_done") == 1
    assert "action_rejected" not in text


async def test_new_entries_come_by_themselves_and_disturb_nothing(page: Page, postgres: Postgres) -> None:
    await sign_up(page)
    ada = user_id(postgres)
    await page.goto("/activity")
    await expect(page.locator("body[data-live=yes]")).to_be_attached()
    await page.get_by_role("searchbox").fill("half a wo")
    async with postgres.api.user(ada) as session:
        await audit.append(session, ada, AuditKind.SIGN_IN, actor="system", body={"address": "192.0.2.77"})
    await expect(page.locator("#feed-list")).to_contain_text("192.0.2.77")
    await expect(page.get_by_role("searchbox")).to_have_value("half a wo")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_without_scripts(
    browser: Browser, served: Served, page: Page, postgres: Postgres, scheme: str
) -> None:
    await sign_up(page)
    await decided(postgres, user_id(postgres))
    phone = await browser.new_context(
        base_url=served.url,
        viewport={"width": 390, "height": 800},
        java_script_enabled=False,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    plain = await phone.new_page()
    await plain.goto("/login?next=/activity")
    await plain.get_by_label("E-mail").fill("ada@example.com")
    await plain.get_by_label("Password").fill(PASSWORD)
    await plain.get_by_role("button", name="Sign in").click()
    await expect(plain.get_by_role("heading", name="Activity")).to_be_visible()
    await plain.get_by_text("All of it").nth(1).click()
    width = await plain.locator("main").evaluate("element => element.scrollWidth - element.clientWidth")
    assert width <= 1, "nothing reaches out of the page"
    await picture(plain, f"feed-phone-{scheme}")
    await plain.get_by_role("searchbox").fill("paris")
    await plain.get_by_role("button", name="Search").click()
    await expect(plain.locator("#feed-list > ol > li")).to_have_count(1)
    await plain.get_by_text("Filters").click()
    await plain.get_by_label("Who").select_option("guardrail")
    await plain.get_by_role("button", name="Apply").click()
    await expect(plain.locator("#feed-list")).to_contain_text("Nothing fits.")
    await picture(plain, f"feed-phone-filters-{scheme}")
    await phone.close()
