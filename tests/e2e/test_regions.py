"""Two regions, each a whole Coco: what an EU tenant has is in the EU's stores, and nothing of it is in the others'."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from temporalio.client import Client

from coco.regions import address_mark
from store import region
from store.directory import Directory
from tests.conftest import Cluster
from tests.demo_fixture import ROOT
from tests.e2e.test_erasing import delete, encrypted, in_its_own_loop, until_erased
from tests.e2e.test_the_main_job import waiting_card
from tests.e2e.test_what_revoking_leaves import email_of, files_with, rows_with
from tests.ports import free_port
from tests.stack import Person, Stack, on
from tests.temporal_server import TemporalServer

NAMES = ("us", "eu")
KEY = "the regions' own key"


@dataclass
class Regions:
    stacks: dict[str, Stack]
    directory: Directory
    directory_dsn: str

    @property
    def us(self) -> Stack:
        return self.stacks["us"]

    @property
    def eu(self) -> Stack:
        return self.stacks["eu"]


@pytest.fixture(scope="module")
def regions(cluster: Cluster, short_dir: Path) -> Iterator[Regions]:
    folder = short_dir / "regions"
    databases, ports = {name: cluster.create() for name in NAMES}, {name: free_port() for name in NAMES}
    directory_dsn = cluster.create()
    directory = Directory(directory_dsn, KEY)
    directory.make()
    with ExitStack() as exits:
        servers = {}
        for name in NAMES:
            region.stamp(databases[name], name, residency=False)
            (folder / name / "temporal").mkdir(parents=True)
            server = TemporalServer.start(folder / name / "temporal", namespace=f"coco-{name}", ui=True)
            servers[name] = exits.enter_context(server)
        entries = {
            name: {
                "title": name.upper(),
                "url": f"http://127.0.0.1:{ports[name]}",
                "database_url": databases[name],
                "temporal_address": servers[name].address,
                "temporal_namespace": f"coco-{name}",
                "state_dir": str(folder / name),
            }
            for name in NAMES
        }
        file = folder / "regions.json"
        file.write_text(json.dumps({"regions": entries}))
        stacks = {}
        for name in NAMES:
            settings = {
                "region": name,
                "regions_file": file,
                "directory_url": directory_dsn,
                "directory_key": KEY,
                "public_port": ports[name],
            }
            started = contextmanager(on)(
                servers[name], folder / name, databases[name], cluster.master, "bubblewrap", settings
            )
            stacks[name] = exits.enter_context(started)
        yield Regions(stacks, directory, directory_dsn)


async def workflows_in(stack: Stack) -> list[str]:
    client = await Client.connect(stack.temporal.address, namespace=stack.settings.temporal_namespace)
    return [item.id async for item in client.list_workflows("")]


def test_an_eu_tenant_touches_no_us_store(regions: Regions) -> None:
    ada = regions.eu.sign_up()
    run_id, card = waiting_card(ada, "enrich_tagged_contacts", tag="customer", limit=1)
    [action] = card["actions"]
    ada.approve(action)
    ada.until_action(action["id"], "done")
    contact = email_of(regions.eu, action["arguments"]["id"])
    markers = [contact, ada.email, ada.user_id, run_id, ada.hubspot]
    for marker in markers:
        assert rows_with(regions.eu, marker), f"{marker} was never in the EU: this test would show nothing"
        assert rows_with(regions.us, marker) == []
    with psycopg.connect(database_of(regions.us)) as owner:
        assert owner.execute("SELECT count(*) FROM users").fetchone() == (0,)
    # Temporal: its payloads are in the EU's namespace; the US' has no workflow, and its file none of the ids.
    assert in_its_own_loop(lambda: encrypted(regions.eu, ada, run_id))
    assert [item for item in in_its_own_loop(lambda: workflows_in(regions.eu)) if run_id in item]
    assert in_its_own_loop(lambda: workflows_in(regions.us)) == []
    # Files: volumes, sockets, logs and Temporal's database. The demo workspace, a provider, knows its own contacts.
    assert files_with(regions.eu.folder, ada.user_id)
    for marker in (ada.email, ada.user_id, run_id, ada.hubspot):
        assert files_with(regions.us.folder, marker) == []
    assert not (regions.us.settings.state_dir / "volumes" / ada.user_id).exists()
    # The directory has a mark of the address, and nothing that is Ada's.
    with psycopg.connect(regions.directory_dsn) as owner:
        rows = owner.execute("SELECT mark, region FROM directory").fetchall()
    assert (address_mark(KEY, ada.email), "eu") in rows
    assert not [row for row in rows if ada.email in row[0] or ada.user_id in row[0]]
    ada.http.close()


def database_of(stack: Stack) -> str:
    assert stack.settings.database_url is not None
    return stack.settings.database_url.get_secret_value()


def sign_in(stack: Stack, person: Person) -> httpx.Response:
    body = {"email": person.email, "password": person.password}
    return httpx.post(f"{stack.public_url}/api/v1/auth/login", json=body, trust_env=False)


def test_a_sign_in_is_routed_and_an_address_has_one_account(regions: Regions) -> None:
    ada = regions.eu.sign_up(connect=False)
    assert sign_in(regions.eu, ada).status_code == 200
    answer = sign_in(regions.us, ada)
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "wrong_region"
    assert answer.json()["error"]["message"].endswith(regions.eu.public_url)
    body = {"email": ada.email.upper(), "password": ada.password, "name": ""}
    again = httpx.post(f"{regions.us.public_url}/api/v1/auth/sign-up", json=body, trust_env=False)
    assert again.status_code == 409
    assert rows_with(regions.us, ada.email) == []
    # Ada's token is no token there: the session is not in that database.
    headers = {"authorization": ada.http.headers["authorization"]}
    assert httpx.get(f"{regions.us.public_url}/api/v1/auth/me", headers=headers, trust_env=False).status_code == 401
    stranger = Person(regions.us, f"{uuid4().hex}@example.com", "no such account", ada.http)
    assert sign_in(regions.us, stranger).status_code == 401
    told = httpx.get(f"{regions.us.public_url}/api/v1/auth/regions", trust_env=False).json()
    assert [(item["id"], item["url"], item["here"]) for item in told] == [
        ("us", regions.us.public_url, True),
        ("eu", regions.eu.public_url, False),
    ]
    page = httpx.get(f"{regions.us.public_url}/sign-up", trust_env=False).text
    assert f'href="{regions.eu.public_url}/sign-up"' in page
    ada.http.close()


def test_a_deleted_account_leaves_the_directory(regions: Regions) -> None:
    ada = regions.us.sign_up(connect=False)
    assert in_its_own_loop(lambda: regions.directory.find(ada.email)) == "us"
    delete(ada)
    until_erased(regions.us, ada)
    assert in_its_own_loop(lambda: regions.directory.find(ada.email)) is None
    ada.http.close()


@pytest.mark.parametrize("module", ["workers.control", "sandbox.gateway", "api.public", "api.internal"])
def test_a_process_of_the_wrong_region_does_not_start(regions: Regions, tmp_path: Path, module: str) -> None:
    """The file is wrong: it gives the EU the US' database. What the database says of itself counts."""
    given = json.loads(Path(regions.us.environment["COCO_REGIONS_FILE"]).read_text())
    us, eu = given["regions"]["us"], given["regions"]["eu"]
    us["database_url"], eu["database_url"] = eu["database_url"], us["database_url"]
    file = tmp_path / "regions.json"
    file.write_text(json.dumps(given))
    environment = regions.eu.environment | {
        "COCO_REGIONS_FILE": str(file),
        "DATABASE_URL": eu["database_url"],
        "COCO_STATE_DIR": str(regions.eu.folder),
    }
    ended = subprocess.run(
        [sys.executable, "-m", module], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "this database is of region us, and this process of eu" in ended.stderr


def test_a_worker_on_a_host_of_another_region_does_not_start(regions: Regions, tmp_path: Path) -> None:
    given = json.loads(Path(regions.us.environment["COCO_REGIONS_FILE"]).read_text())
    given["regions"]["eu"]["hosts"] = ["eu-host-1"]
    file = tmp_path / "regions.json"
    file.write_text(json.dumps(given))
    environment = regions.eu.environment | {"COCO_REGIONS_FILE": str(file)}
    ended = subprocess.run(
        [sys.executable, "-m", "workers.control"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode != 0
    assert "none of the region's (eu-host-1)" in ended.stderr
