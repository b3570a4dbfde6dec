"""Teams in Chromium: an invitation's link fills in its form and leaves the address; a phone's width is enough."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from tests.api.cards import make_card
from tests.browser.conftest import picture, sign_up, user_id
from tests.conftest import Postgres

pytestmark = pytest.mark.browser


async def test_a_team_is_made_and_joined_by_a_link(page: Page, postgres: Postgres) -> None:
    page.set_default_timeout(60_000)
    page.set_default_navigation_timeout(90_000)
    await sign_up(page)
    card = await make_card(postgres, user_id(postgres))
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'team'")
    await page.goto("/teams")
    await page.get_by_label("Name").fill("Sales")
    await page.get_by_role("button", name="Make it").click()
    await page.get_by_label("Share one of yours").select_option(str(card.workflow_id))
    await page.get_by_role("button", name="Share it").click()
    await page.get_by_label("Invite an address").fill("ben@example.com")
    await page.get_by_role("button", name="Make an invitation").click()
    link = await page.locator("#invited code").inner_text()
    await picture(page, "team")
    await page.set_viewport_size({"width": 360, "height": 740})
    nameless = await page.evaluate(
        """() => [...document.querySelectorAll("input:not([type=hidden]), select, button, a")]
        .filter((item) => !(item.labels?.length || item.getAttribute("aria-label") || item.textContent.trim()))
        .map((item) => item.outerHTML)"""
    )
    assert nameless == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.get_by_role("link", name="What everybody did").click()
    await expect(page.locator(".activity")).to_contain_text("Workflow shared with a team")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.get_by_role("button", name="Sign out").click()
    await page.get_by_role("heading", name="Sign in").wait_for()
    await sign_up(page, "ben@example.com", "Ben")
    address = urlsplit(link)
    await page.goto(f"{address.path}#{address.fragment}")
    await expect(page.get_by_label("The invitation")).to_have_value(address.fragment)
    assert "#" not in page.url
    await page.get_by_role("button", name="Join").click()
    await page.get_by_role("heading", name="Sales").wait_for()
    await expect(page.locator("#members")).to_contain_text("Ben (you)")
