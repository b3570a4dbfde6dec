"""Chromium against the public app on a real port and a real Postgres."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.api.serving import Served, serve
from tests.conftest import Postgres

ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--force-prefers-reduced-motion",
]
PASSWORD = "a long enough password"


def chromium() -> Path:
    found = os.environ.get("COCO_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        message = "Chromium is not installed (Debian: apt install chromium; elsewhere set COCO_CHROMIUM)"
        if os.environ.get("COCO_REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return Path(found)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def served(postgres: Postgres) -> Iterator[Served]:
    with serve(postgres) as served:
        yield served


@pytest.fixture
async def context(browser: Browser, served: Served) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> AsyncIterator[Page]:
    """A page that fails its test on any script error or refused resource."""
    page = await context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda message: problems.append(message.text) if "Content Security Policy" in message.text else None,
    )
    yield page
    assert problems == []


async def sign_up(page: Page, email: str = "ada@example.com", name: str = "Ada Lovelace") -> None:
    """Makes an account in the browser; ends on the inbox."""
    await page.goto("/sign-up")
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("E-mail").fill(email)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Make the account").click()
    await page.get_by_role("heading", name="Inbox").wait_for()


def user_id(postgres: Postgres) -> UUID:
    """Of the one who signed up."""
    with postgres.connect() as owner:
        row = owner.execute("SELECT id FROM users").fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def picture(page: Page, name: str) -> None:
    """Kept where COCO_PICTURES names a folder, for people who look."""
    folder = os.environ.get("COCO_PICTURES")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
