"""Guardrails and trust in Chromium: a sentence with a mistake, put right, confirmed; graduated, stopped, taken back."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Page, expect

from tests.api.cards import Card, make_card
from tests.api.serving import Served
from tests.api.trusted import (
    NOTIFY,
    RULE,
    approved,
    confirmed,
    graduated,
    into,
    needs_one_run,
    ran_alone,
    states_of,
    told_first,
    trust_of,
)
from tests.browser.conftest import sign_up, user_id
from tests.browser.test_inbox_in_a_browser import LUMINANCE
from tests.conftest import Postgres

pytestmark = pytest.mark.browser

MISTAKEN = "Enrich important contacts that have a first name."


async def test_write_fix_confirm_look_back_graduate_and_take_back(page: Page, postgres: Postgres) -> None:
    await sign_up(page)
    card = await make_card(postgres, user_id(postgres), updates=3)
    await approved(postgres, card, reject=1)
    await needs_one_run(postgres, card)
    await page.goto(f"/workflows/{card.workflow_id}")
    await page.get_by_label("What may run without asking").fill(MISTAKEN)
    await page.get_by_role("button", name="See what it becomes").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("This is not a rule yet")
    await expect(page.locator("mark")).to_have_text("important")
    await expect(page.locator("#problems")).to_contain_text("is a judgement, not a fact")
    await expect(page.locator("#problems .try")).to_contain_text('tagged "key account"')
    # What was typed is still there, and is put right by hand.
    field = page.get_by_label("What may run without asking")
    await expect(field).to_have_value(MISTAKEN)
    await field.fill(RULE)
    await page.get_by_role("button", name="Look at it again").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Is this what you mean?")
    await expect(page.locator("#reading .reading")).to_contain_text("the contact's first name is not empty")
    await expect(page.locator("#not-covered")).to_contain_text("any operation but contact.enrich")
    await expect(page.locator("#examples")).to_contain_text("Agrees with 2 of 3 of your decisions")
    assert states_of(postgres, card.workflow_id) == [(1, "proposed")]
    await page.get_by_role("button", name="Confirm: this is what I mean").click()
    await page.wait_for_url(f"**/workflows/{card.workflow_id}#rules")
    await expect(page.locator("#rules")).to_contain_text("In force")
    assert states_of(postgres, card.workflow_id) == [(1, "confirmed")]
    # A rejection among the last runs: not ready. Another run without one, and the inbox offers it.
    await expect(page.locator("#trust")).to_contain_text("Not ready to run alone")
    later = await make_card(postgres, card.user_id, updates=1)
    await into(postgres, card, later)
    await approved(postgres, later)
    await page.goto("/")
    offer = page.locator("section.offer")
    await expect(offer).to_contain_text(
        "Its guardrail agrees with 3 of 4 of your decisions; here is the one that differs"
    )
    await expect(offer.locator(".disagreements a")).to_have_attribute(
        "href", f"/runs/{card.run_id}#action-{card.actions[2].id}"
    )
    await offer.get_by_text("Let it run alone…").click()
    await offer.get_by_label("Days until it ends").fill("7")
    await offer.get_by_label("Actions at most").fill("5")
    await offer.get_by_role("button", name="Let it run alone").click()
    await page.wait_for_url(f"**/workflows/{card.workflow_id}#trust")
    await expect(page.locator("#trust")).to_contain_text("0 of 5 used")
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    await page.get_by_role("button", name="Take it back: ask for each action").click()
    await expect(page.locator("#trust")).to_contain_text("Asks for each action")
    await expect(page.locator("#trust")).to_contain_text("Why: Its owner took it back.")
    assert trust_of(postgres, card.workflow_id) == "approve_each"


async def test_a_notice_is_seen_and_stopped(page: Page, postgres: Postgres) -> None:
    await sign_up(page)
    card = await make_card(postgres, user_id(postgres), updates=1)
    rule = await graduated(postgres, card, NOTIFY)
    later = await make_card(postgres, card.user_id, updates=2)
    await into(postgres, card, later)
    for action in later.actions:
        await told_first(postgres, rule, action)
    await page.goto("/")
    first = page.locator(f"#action-{later.action.id}")
    await expect(first.locator(".left")).to_have_text(re.compile(r"23 h 5\d min left"))
    await first.get_by_role("button", name="Stop it").click()
    await expect(first).to_have_count(0)
    await page.goto(f"/runs/{later.run_id}")
    await expect(first).to_contain_text("Rejected")
    await expect(first).to_contain_text("Stopped before its time.")
    second = page.locator(f"#action-{later.actions[1].id}")
    await second.get_by_role("button", name="Let it stand").click()
    await expect(second).to_contain_text("You let it stand: it runs by itself")
    await second.get_by_role("button", name="Stop it").click()
    await expect(second).to_contain_text("Rejected")


@dataclass
class Scene:
    """Pages with everything on them that guardrails and trust show."""

    waits: Card
    """Its guardrail is confirmed; the inbox offers to let it run alone."""
    alone: Card
    noticed: Card
    paths: list[str]


async def scene(page: Page, postgres: Postgres) -> Scene:
    await sign_up(page)
    waits = await make_card(postgres, user_id(postgres), updates=3)
    await approved(postgres, waits)
    await needs_one_run(postgres, waits)
    rule = await confirmed(postgres, waits)
    alone = await make_card(postgres, waits.user_id, updates=1)
    telling = await confirmed(postgres, alone, NOTIFY)
    running = await graduated(postgres, alone)
    ran = await make_card(postgres, waits.user_id, updates=2)
    await into(postgres, alone, ran)
    for action in ran.actions:
        await ran_alone(postgres, running, action)
    noticed = await make_card(postgres, waits.user_id, updates=1)
    await into(postgres, alone, noticed)
    await told_first(postgres, telling, noticed.action)
    await page.goto(f"/workflows/{alone.workflow_id}")
    await page.get_by_text("Add a schedule…").click()
    await page.locator("#schedule-sentence").fill("every weekday at 8:00 Europe/Berlin")
    await page.get_by_role("button", name="Add the schedule").click()
    await expect(page.locator("#schedules")).to_contain_text("Next:")
    await page.goto(f"/workflows/{waits.workflow_id}")
    await page.locator("#write textarea").fill('Enrich contacts tagged "old".')
    await page.locator("#write button").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Is this what you mean?")
    proposed = page.url.removeprefix(await page.evaluate("location.origin"))
    await page.goto(f"/workflows/{waits.workflow_id}")
    await page.locator(f"#rule-{rule.id}").get_by_text("Change it").click()
    await page.locator(f"#change-{rule.id}").fill("Enrich contacts that have a city.")
    await page.locator(f"#rule-{rule.id}").get_by_role("button", name="See what it becomes").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Is this what you mean?")
    changed = page.url.removeprefix(await page.evaluate("location.origin"))
    workflows = [f"/workflows/{one.workflow_id}" for one in (waits, alone)]
    return Scene(waits, alone, noticed, ["/", *workflows, proposed, changed, f"/runs/{noticed.run_id}"])


OPEN_ALL = "document.querySelectorAll('main details').forEach((one) => { one.open = true; })"
NAMELESS = """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, button, a, meter, summary")]
.filter((item) => !(item.labels?.length || item.getAttribute("aria-label") || item.getAttribute("aria-labelledby")
  || item.textContent.trim())).map((item) => item.outerHTML)"""
TWICE = """() => { const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
return ids.filter((id, index) => ids.indexOf(id) !== index); }"""
READ = [".soft", ".note", ".chip", ".reading", ".clauses", ".meta", ".left", ".disagreements small", "small", "summary"]


async def test_the_pages_are_narrow_named_and_readable(
    browser: Browser, served: Served, page: Page, postgres: Postgres
) -> None:
    """On a phone, in light and dark; WCAG 2 AA asks for 4.5 to 1."""
    made = await scene(page, postgres)
    state = await page.context.storage_state()
    for scheme in ("light", "dark"):
        phone = await browser.new_context(
            base_url=served.url,
            viewport={"width": 360, "height": 740},
            has_touch=True,
            color_scheme=scheme,
            storage_state=state,
        )
        small = await phone.new_page()
        refused = (made.paths[1], MISTAKEN)
        for path in [*made.paths, "refused"]:
            await small.goto(refused[0] if path == "refused" else path)
            if path == "refused":
                await small.locator("#write textarea").fill(refused[1])
                await small.locator("#write button").click()
                await expect(small.locator("mark")).to_be_visible()
            await small.evaluate(OPEN_ALL)
            assert await small.evaluate("document.documentElement.scrollWidth") <= 360, path
            assert await small.evaluate(NAMELESS) == [], path
            assert await small.evaluate(TWICE) == [], path
            assert await small.locator("h1").count() == 1, path
            for selector in READ:
                for found in (await small.locator(f"main {selector}").all())[:4]:
                    ratio = await found.evaluate(LUMINANCE)
                    assert ratio >= 4.5, (path, scheme, selector, ratio)
        await phone.close()


async def test_guardrails_and_schedules_work_without_scripts(
    browser: Browser, served: Served, page: Page, postgres: Postgres
) -> None:
    await sign_up(page)
    card = await make_card(postgres, user_id(postgres), updates=1)
    await approved(postgres, card)
    await needs_one_run(postgres, card)
    plain = await browser.new_context(
        base_url=served.url, java_script_enabled=False, storage_state=await page.context.storage_state()
    )
    bare = await plain.new_page()
    await bare.goto(f"/workflows/{card.workflow_id}")
    await bare.get_by_label("What may run without asking").fill(MISTAKEN)
    await bare.get_by_role("button", name="See what it becomes").click()
    await bare.get_by_role("button", name="Write it so").click()
    await bare.get_by_role("button", name="Confirm: this is what I mean").click()
    await bare.get_by_text("Let it run alone…").click()
    await bare.get_by_role("button", name="Let it run alone").click()
    assert trust_of(postgres, card.workflow_id) == "autonomous"
    await bare.get_by_role("button", name="Take it back").click()
    assert trust_of(postgres, card.workflow_id) == "approve_each"
    await bare.get_by_text("Add a schedule…").click()
    await bare.locator("#schedule-sentence").fill("every wekday at 8:00 Europe/Berlin")
    await bare.get_by_role("button", name="Add the schedule").click()
    await expect(bare.locator("#schedules .wrong")).to_contain_text("did you mean weekday?")
    await bare.locator("#schedule-sentence").fill("every weekday at 8:00 Europe/Berlin")
    await bare.get_by_role("button", name="Add the schedule").click()
    await bare.get_by_text("Pause…").click()
    await bare.get_by_label("Why, for yourself").fill("the team is away")
    await bare.get_by_role("button", name="Pause it").click()
    await expect(bare.locator("#schedules")).to_contain_text("Your note: the team is away")
    await bare.get_by_role("button", name="Resume").click()
    await expect(bare.locator("#schedules")).to_contain_text("Next:")
    await bare.get_by_role("button", name="Make a webhook").click()
    await expect(bare.locator(".once")).to_contain_text("Shown this once")
    await plain.close()
