"""The public app as a client sees it, over a real Postgres; and rows as planning would have left them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from api.passwords import Passwords
from api.public.app import create_app, make_parts
from api.public.parts import Parts
from api.shell import Shell
from coco.settings import Settings
from store.roles import Role
from tests.api.pages import Visitor, visit
from tests.api.people import BASE, Person, sign_up
from tests.api.serving import QUICK
from tests.conftest import Postgres


@pytest.fixture
async def parts(postgres: Postgres) -> Parts:
    made = make_parts(Settings(public_url=BASE), postgres.database(Role.API), postgres.master, Passwords(QUICK))
    made.sealing_wait_seconds = 0.0
    made.check_wait_seconds = 0.0
    return made


@pytest.fixture
async def app(parts: Parts) -> FastAPI:
    return create_app(parts)


@pytest.fixture
async def client(app: FastAPI, parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """Signed in as nobody."""
    transport = httpx.ASGITransport(Shell(app, parts.origins), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        yield client


@pytest.fixture
def anybody(client: httpx.AsyncClient) -> Callable[[], str]:
    """A fresh address each time."""
    return lambda: f"{uuid4().hex[:10]}@example.com"


@pytest.fixture
async def ada(client: httpx.AsyncClient) -> Person:
    return await sign_up(client, "ada@example.com", "Ada Lovelace")


@pytest.fixture
async def visitor(ada: Person, app: FastAPI, parts: Parts) -> AsyncIterator[Visitor]:
    """Ada's browser, without scripts."""
    async with visit(app, parts, ada.email) as visitor:
        yield visitor


@pytest.fixture
async def eve(client: httpx.AsyncClient) -> Person:
    """Somebody else, with an account of her own."""
    return await sign_up(client, "eve@example.com", "Eve")
