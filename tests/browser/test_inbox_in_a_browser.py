"""The inbox in Chromium: edit, approve and reject what waits; by mouse, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.api.cards import Card, make_card, set_action_state
from tests.api.serving import Served
from tests.browser.conftest import PASSWORD, sign_up, user_id
from tests.conftest import Postgres

pytestmark = pytest.mark.browser


def states(postgres: Postgres, card: Card) -> list[tuple[str, int, str]]:
    with postgres.connect() as owner:
        return owner.execute(
            "SELECT key, version, state FROM actions WHERE run_id = %s ORDER BY position, version", (card.run_id,)
        ).fetchall()


@pytest.fixture
async def card(page: Page, postgres: Postgres) -> Card:
    """Somebody has signed up in the browser; a run of theirs waits."""
    await sign_up(page)
    return await make_card(postgres, user_id(postgres), updates=2, mails=1)


async def test_sign_up_sign_out_and_sign_in_again(page: Page) -> None:
    await sign_up(page)
    await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/login")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Password").fill("something else")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_contain_text("do not go together")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


async def test_edit_then_approve_then_see_how_it_stands(page: Page, card: Card, postgres: Postgres) -> None:
    await page.goto("/")
    first = page.locator(f"#action-{card.action.id}")
    await expect(first.get_by_role("heading")).to_have_text("Set City of Grace Hopper to Arlington")
    await first.get_by_role("link", name="Edit").click()
    await page.get_by_label("City").fill("Washington")
    await page.get_by_role("button", name="Keep the edit").click()
    await page.wait_for_url(f"**/runs/{card.run_id}#action-*")
    edited = page.get_by_role("article").filter(has_text="Washington").first
    await expect(edited).to_contain_text("Waits for you")
    await edited.get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("article").filter(has_text="Washington").first).to_contain_text(
        "Approved, on its way"
    )
    assert states(postgres, card)[:2] == [("city-1001", 1, "superseded"), ("city-1001", 2, "approved")]
    await expect(page.locator("#announce")).to_contain_text("Approved")
    # The page was not left: no full load came between.
    assert page.url.partition("#")[0].endswith(f"/runs/{card.run_id}")


async def test_reject_with_a_reason(page: Page, card: Card, postgres: Postgres) -> None:
    await page.goto(f"/runs/{card.run_id}")
    first = page.locator(f"#action-{card.action.id}")
    await first.locator("summary").click()
    await first.get_by_label("Reason").fill("She moved to Paris")
    await first.get_by_role("button", name="Reject").click()
    await expect(first).to_contain_text("Rejected")
    await expect(first).to_contain_text("She moved to Paris")
    assert states(postgres, card)[0] == ("city-1001", 1, "rejected")


async def test_approve_all_says_what_it_costs_before(page: Page, card: Card, postgres: Postgres) -> None:
    await page.goto(f"/runs/{card.run_id}")
    await page.get_by_text("Approve all 3…").click()
    await expect(page.locator("#all")).to_contain_text("7 credits")
    await expect(page.locator("#all")).to_contain_text("1 of them cannot be undone.")
    await page.get_by_role("button", name="Approve 3 actions").click()
    await expect(page.locator("article.action.go")).to_have_count(3)
    assert {state for _, _, state in states(postgres, card)} == {"approved"}


async def test_the_keyboard_alone_decides(page: Page, card: Card, postgres: Postgres) -> None:
    await page.goto("/")
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("j")
    await expect(page.locator(f"#action-{card.actions[0].id}")).to_be_focused()
    await page.keyboard.press("a")
    await expect(page.locator(f"#action-{card.actions[0].id}")).to_have_count(0)
    second = page.locator(f"#action-{card.actions[1].id}")
    await expect(second).to_be_focused()
    await page.keyboard.press("r")
    await expect(second.get_by_label("Reason")).to_be_focused()
    await page.keyboard.type("ask again in june")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(second).to_have_count(0)
    await expect(page.locator(f"#action-{card.actions[2].id}")).to_be_focused()
    await page.keyboard.press("e")
    await page.wait_for_url("**/edit")
    assert [state for _, _, state in states(postgres, card)] == ["approved", "rejected", "pending"]
    with postgres.connect() as owner:
        reasons = owner.execute("SELECT reason FROM decisions WHERE verdict = 'reject'").fetchall()
    assert reasons == [("ask again in june",)]


async def test_the_card_follows_the_run_live_without_disturbing_what_is_typed(
    page: Page, card: Card, postgres: Postgres
) -> None:
    await page.goto(f"/runs/{card.run_id}")
    await expect(page.locator("body")).to_have_attribute("data-live", "yes")
    second = page.locator(f"#action-{card.actions[1].id}")
    await second.locator("summary").click()
    await second.get_by_label("Reason").fill("half a thou")
    set_action_state(postgres, card.actions[0].id, "done")
    set_action_state(postgres, card.actions[1].id, "cancelled")
    async with postgres.control.user(card.user_id) as session:
        from store import events

        await events.tell(session, card.user_id, "action", run_id=card.run_id, body={"id": str(card.action.id)})
    await expect(page.locator(f"#action-{card.actions[0].id}")).to_contain_text("Done")
    await expect(second.get_by_label("Reason")).to_have_value("half a thou")
    await second.get_by_role("button", name="Reject").click()
    await expect(page.get_by_role("alert")).to_have_text("Nothing was changed: its run was cancelled.")
    await expect(second).to_contain_text("Cancelled")


async def test_a_late_click_in_an_old_tab_says_how_it_stands(
    page: Page, card: Card, context: BrowserContext, served: Served
) -> None:
    await page.route("**/api/v1/feed*", lambda route: route.abort())
    other = await context.new_page()
    await other.route_web_socket("**/api/v1/feed*", lambda socket: None)
    await other.goto(f"/runs/{card.run_id}")
    await page.goto(f"/runs/{card.run_id}")
    await page.get_by_text("Cancel the run…").click()
    await page.get_by_role("button", name="Cancel the run").click()
    await expect(page.locator("#top")).to_contain_text("Cancelling")
    stale = other.locator(f"#action-{card.action.id}")
    await stale.get_by_role("button", name="Approve").click()
    await expect(other.get_by_role("alert")).to_have_text("Nothing was changed: its run was cancelled.")
    await expect(other.locator(f"#action-{card.action.id}")).to_contain_text("Cancelled")


async def test_a_question_is_answered_and_stays_on_the_card(page: Page, postgres: Postgres) -> None:
    await sign_up(page)
    card = await make_card(postgres, user_id(postgres), updates=0, question=True)
    await page.goto(f"/runs/{card.run_id}")
    await page.get_by_label("Proposal").check()
    await page.get_by_role("button", name="Answer").click()
    await expect(page.locator(f"#question-{card.questions[0].id} .answer")).to_have_text("Proposal")


async def test_everything_works_without_scripts(
    browser: Browser, served: Served, page: Page, card: Card, postgres: Postgres
) -> None:
    plain = await browser.new_context(base_url=served.url, java_script_enabled=False)
    still = await plain.new_page()
    await still.goto("/")
    await still.get_by_label("E-mail").fill("ada@example.com")
    await still.get_by_label("Password").fill(PASSWORD)
    await still.get_by_role("button", name="Sign in").click()
    await still.locator(f"#action-{card.action.id}").get_by_role("button", name="Approve").click()
    await expect(still.locator(f"#action-{card.action.id}")).to_have_count(0)
    assert states(postgres, card)[0][2] == "approved"
    await plain.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phones_width_needs_no_sideways_scrolling(
    browser: Browser, served: Served, page: Page, card: Card, scheme: str
) -> None:
    state = await page.context.storage_state()
    phone = await browser.new_context(
        base_url=served.url,
        viewport={"width": 360, "height": 740},
        has_touch=True,
        color_scheme=scheme,
        storage_state=state,
    )
    small = await phone.new_page()
    paths = ["/", f"/runs/{card.run_id}", f"/actions/{card.actions[2].id}/edit", "/runs", "/activity", "/workflows"]
    paths += ["/workflows/new?playbook=follow_up_silent_deals", "/connections", "/connections/new?connector=smtp"]
    for path in [*paths, "/credits", "/teams", "/teams/join"]:
        await small.goto(path)
        wide = await small.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, path
    await small.goto(f"/runs/{card.run_id}")
    approve = small.locator(f"#action-{card.action.id}").get_by_role("button", name="Approve")
    box = await approve.bounding_box()
    assert box is not None
    assert box["height"] >= 40
    await approve.tap()
    await expect(small.locator(f"#action-{card.action.id}")).to_contain_text("Approved")
    await phone.close()


LUMINANCE = """(element) => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const layers = [];
  for (let at = element; at; at = at.parentElement) layers.unshift(getComputedStyle(at).backgroundColor);
  for (const layer of ["white", ...layers]) { canvas.fillStyle = layer; canvas.fillRect(0, 0, 1, 1); }
  const behind = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  canvas.fillStyle = getComputedStyle(element).color; canvas.fillRect(0, 0, 1, 1);
  const text = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  const [a, b] = [light(text), light(behind)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


READ = [
    *("h1", "h3", ".meta", ".why", ".chip.wait", ".chip.warn", ".tags li", ".tags .irreversible", "button.primary"),
    *("a.button", ".diff th", ".diff td.after", ".diff td.moved", ".letter", ".side li", ".bar nav a", ".soft"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_text_is_readable_in_light_and_dark(
    browser: Browser, served: Served, page: Page, card: Card, postgres: Postgres, scheme: str
) -> None:
    """WCAG 2 AA: at least 4.5 to 1."""
    set_action_state(postgres, card.actions[1].id, "outcome_unknown")
    with postgres.connect() as owner:
        owner.execute(
            "UPDATE actions SET origin = 'drift', shown_before = '{\"city\": \"Boston\"}' WHERE id = %s",
            (card.action.id,),
        )
    state = await page.context.storage_state()
    context = await browser.new_context(base_url=served.url, color_scheme=scheme, storage_state=state)
    seen = await context.new_page()
    await seen.goto(f"/runs/{card.run_id}")
    told = {}
    for selector in READ:
        told[selector] = await seen.locator(selector).first.evaluate(LUMINANCE)
    assert {name: ratio for name, ratio in told.items() if ratio < 4.5} == {}
    background = await seen.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(20, 23, 26)") is (scheme == "dark")
    await context.close()


async def test_every_field_and_control_has_a_name(page: Page, card: Card) -> None:
    for path in ("/", f"/runs/{card.run_id}", f"/actions/{card.actions[2].id}/edit", "/connections/new?connector=smtp"):
        await page.goto(path)
        nameless = await page.evaluate(
            """() => [...document.querySelectorAll("input:not([type=hidden]), textarea, select, button, a")]
            .filter((item) => !(item.labels?.length || item.getAttribute("aria-label") || item.textContent.trim()))
            .map((item) => item.outerHTML)"""
        )
        assert nameless == [], path
        assert await page.locator("h1").count() == 1


async def test_a_sign_in_is_renewed_while_the_page_is_open(page: Page, card: Card, served: Served) -> None:
    served.parts.tokens.access_seconds = 62
    await page.get_by_role("button", name="Sign out").click()
    await page.wait_for_url("**/login")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Password").fill(PASSWORD)
    async with page.expect_response("**/session/refresh") as renewed:
        await page.get_by_role("button", name="Sign in").click()
    assert (await renewed.value).status == 200
    cookies = {item["name"]: item["value"] for item in await page.context.cookies([f"{served.url}/session"])}
    assert set(cookies) == {"coco_access", "coco_refresh"}


async def test_coming_back_after_the_access_token_expired(
    page: Page, card: Card, context: BrowserContext, served: Served
) -> None:
    await page.goto("about:blank")
    await context.add_cookies(
        [{"name": "coco_access", "value": "expired", "url": served.url, "httpOnly": True, "sameSite": "Strict"}]
    )
    await page.goto(f"/runs/{card.run_id}")
    await page.wait_for_url(f"**/runs/{card.run_id}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Complete the contacts")


async def test_signing_out_in_one_tab_signs_the_others_out(page: Page, card: Card, context: BrowserContext) -> None:
    other = await context.new_page()
    await other.goto(f"/runs/{card.run_id}")
    await expect(other.locator("body")).to_have_attribute("data-live", "yes")
    await page.get_by_role("button", name="Sign out").click()
    await expect(other.get_by_role("heading", name="Sign in to Coco")).to_be_visible(timeout=15_000)
