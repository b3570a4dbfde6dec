"""The README's walk, in Chromium, on the whole stack: sign in, edit, approve, see it done, in the inbox and outside."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import ARGUMENTS, chromium
from tests.e2e.test_the_main_job import waiting_card
from tests.stack import Person, Stack


@pytest.mark.parametrize("stack", ["docker"], indirect=True)
def test_sign_in_edit_approve_and_see_it_done(stack: Stack, person: Person, tmp_path: Path) -> None:
    path = chromium()
    run_id, _ = waiting_card(person, "follow_up_silent_deals", days=21, limit=1)
    before = len(stack.demo.outbox())

    def walk(page: Page) -> None:
        page.goto(stack.public_url)
        page.get_by_label("E-mail").fill(person.email)
        page.get_by_label("Password").fill(person.password)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Inbox")).to_be_visible()
        page.locator(f"a[href^='/runs/{run_id}']").first.click()
        page.get_by_role("article").get_by_role("link", name="Edit").first.click()
        page.get_by_label("Subject").fill("A word on Thursday?")
        page.get_by_role("button", name="Keep the edit").click()
        page.wait_for_url(f"**/runs/{run_id}#action-*")
        assert len(stack.demo.outbox()) == before, "an edit sends nothing"
        page.goto(f"{stack.public_url}/runs/{run_id}")
        expect(page.get_by_text("A word on Thursday?").first).to_be_visible()
        page.get_by_role("button", name="Approve").first.click()
        expect(page.get_by_text("Done", exact=True).first).to_be_visible(timeout=60_000)
        page.screenshot(path=tmp_path / "done.png")
        ui = page.get_by_role("link", name="Open in the Temporal UI").get_attribute("href")
        assert ui is not None
        assert run_id in ui
        assert ui.startswith(stack.temporal.ui_url)
        page.goto(f"{stack.public_url}/activity")
        expect(page.get_by_text("A word on Thursday?").first).to_be_visible()

    _in_browser(path, walk)
    [mail] = stack.demo.outbox()[before:]
    assert "A word on Thursday?" in json.dumps(mail)


def _in_browser(path: Path, walk: Callable[[Page], None]) -> None:
    """In a thread of its own: Playwright's loop and pytest's do not share one."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.set_default_timeout(20_000)
                walk(page)
                browser.close()
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
