"""Four eyes in Chromium: the rule is set, its owner gives half of what it asks for, and a colleague the rest."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.cards import Card, make_card
from tests.api.serving import Served
from tests.browser.conftest import picture, sign_up
from tests.conftest import Postgres

pytestmark = pytest.mark.browser


def team_of(postgres: Postgres, ada: UUID, ben: UUID, card: Card) -> UUID:
    """A team of Ada's with Ben as an approver, and her workflow shared before its run began."""
    team = uuid4()
    with postgres.connect() as owner:
        owner.execute("INSERT INTO teams VALUES (%s, 'Sales', now(), %s)", (team, ada))
        for who, role in ((ada, "owner"), (ben, "approver")):
            owner.execute(
                "INSERT INTO team_members (team_id, user_id, joined_at, role) VALUES (%s, %s, now(), %s)",
                (team, who, role),
            )
        owner.execute("UPDATE workflows SET team_id = %s WHERE id = %s", (team, card.workflow_id))
        owner.execute(
            "INSERT INTO team_shares (workflow_id, shared_at, user_id, team_id) VALUES (%s, '2026-01-01', %s, %s)",
            (card.workflow_id, ada, team),
        )
    return team


def person(postgres: Postgres, email: str) -> UUID:
    with postgres.connect() as owner:
        row = owner.execute("SELECT id FROM users WHERE email = %s", (email,)).fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def test_two_people_approve(page: Page, browser: Browser, served: Served, postgres: Postgres) -> None:
    page.set_default_timeout(60_000)
    await sign_up(page)
    other = await browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 900})
    other.set_default_timeout(60_000)
    bens = await other.new_page()
    await sign_up(bens, "ben@example.com", "Ben Okafor")
    ada, ben = person(postgres, "ada@example.com"), person(postgres, "ben@example.com")
    card = await make_card(postgres, ada, mails=1)
    team = team_of(postgres, ada, ben, card)

    await page.goto(f"/workflows/{card.workflow_id}#approvals")
    await page.locator("#approval-rule > summary").click()
    await page.get_by_label("Two people, who are not the same").check()
    await picture(page, "four-eyes-rule")
    await page.get_by_role("button", name="Keep the rule").click()
    await expect(page.locator("#approvals")).to_contain_text("Each action of it needs two people.")

    await bens.goto("/")
    theirs = bens.locator(f"#action-{card.action.id}")
    await expect(bens.locator(f"#team-{card.run_id}")).to_contain_text("by Ada Lovelace")
    await expect(theirs).to_contain_text("waits for both")

    # The owner's half: the button says before that it is one, and the card stays and says what it waits for.
    await page.goto(f"/runs/{card.run_id}")
    first = page.locator(f"#action-{card.action.id}")
    await expect(first).to_contain_text("Needs two people; waits for both.")
    await expect(first).to_contain_text("Your yes alone is not enough")
    await first.get_by_role("button", name="Approve").click()
    await expect(first).to_contain_text("approved by Ada Lovelace at")
    await expect(first).to_contain_text("waits for one more")
    await expect(first).to_contain_text("Waits for somebody else")
    await expect(first.get_by_role("button", name="Approve")).to_have_count(0)
    await picture(page, "four-eyes-owner")
    await page.goto("/")
    await expect(page.locator(f"#group-{card.run_id}")).to_contain_text(
        "1 action to decide · 1 waits for somebody else"
    )
    await expect(page.locator("#nav .count")).to_have_text("1")
    await page.goto(f"/runs/{card.run_id}")

    # The colleague's open inbox follows by itself; the last yes approves it, and the owner's page follows that.
    await expect(theirs).to_contain_text("approved by Ada Lovelace at")
    await picture(bens, "four-eyes-inbox")
    await theirs.get_by_role("button", name="Approve").click()
    await expect(theirs).to_have_count(0)
    await expect(first).to_contain_text("Approved, on its way")
    await expect(first).to_contain_text("and by Ben Okafor at")

    # On the team's card, the mail: rejected there, and the owner reads by whom.
    await bens.goto(f"/teams/{team}/runs/{card.run_id}")
    mail = bens.locator(f"#action-{card.actions[1].id}")
    await mail.get_by_text("Reject").first.click()
    await mail.get_by_label("Reason, kept with the action").fill("Not before they called back")
    await mail.get_by_role("button", name="Reject").click()
    await expect(mail).to_contain_text("Rejected")
    await bens.set_viewport_size({"width": 360, "height": 740})
    assert await bens.evaluate("document.documentElement.scrollWidth") <= 360
    await picture(bens, "four-eyes-team-card")
    await expect(page.locator(f"#action-{card.actions[1].id}")).to_contain_text(
        "Reason, by Ben Okafor: Not before they called back"
    )
    await other.close()
