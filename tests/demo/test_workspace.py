"""The workspace as a whole: independent, believable, the same every time, and lasting."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from tests.demo_fixture import ROOT, Demo, start_demo


def everything(demo: Demo, kind: str, properties: str, associations: str = "") -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    after = "0"
    while after:
        params = {"limit": 100, "after": after, "properties": properties, "associations": associations}
        page = demo.crm("GET", f"/crm/v3/objects/{kind}", params=params).json()
        records += page["results"]
        after = page.get("paging", {}).get("next", {}).get("after", "")
    return records


def test_it_knows_nothing_of_coco() -> None:
    program = "import sys, demo.__main__, demo.server; print('\\n'.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    own = {"coco", "store", "workflows", "activities", "workers", "sandbox", "api", "cli"}
    assert "demo.server" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in own]


def test_the_same_workspace_every_time(shown: Demo, tmp_path: Path) -> None:
    names = "firstname,lastname,email,city,tags,jobtitle,phone"
    with start_demo(tmp_path) as other:
        for kind, properties in (("contacts", names), ("companies", "name,domain,city"), ("deals", "dealname,amount")):
            mine, theirs = (
                [
                    [r["id"], *(r["properties"][p] for p in properties.split(","))]
                    for r in everything(d, kind, properties)
                ]
                for d in (shown, other)
            )
            assert mine == theirs
        assert other.api_key != shown.api_key


def test_it_is_believable(shown: Demo) -> None:
    contacts = everything(
        shown, "contacts", "email,jobtitle,city,phone,tags,hs_email_optout,hs_email_bounce", "companies,deals"
    )
    emails = [c["properties"]["email"] for c in contacts if c["properties"]["email"]]
    assert len(emails) == len(set(emails)) > 280
    assert all(email.endswith(".example") for email in emails)
    for gap in ("jobtitle", "city", "phone", "email"):
        assert any(c["properties"][gap] is None for c in contacts)
    tags = {tag for c in contacts for tag in (c["properties"]["tags"] or "").split(";")}
    assert {"design partner candidate", "customer", "newsletter"} <= tags
    assert 5 <= sum(c["properties"]["hs_email_optout"] == "true" for c in contacts) <= 30
    assert 5 <= sum(c["properties"]["hs_email_bounce"] not in (None, "0") for c in contacts) <= 30
    deals = everything(shown, "deals", "dealstage,notes_last_updated", "contacts")
    now = datetime.now(UTC)
    silent = [(now - datetime.fromisoformat(d["properties"]["notes_last_updated"])).days for d in deals]
    assert min(silent) >= 3
    assert max(silent) <= 62
    assert len({d["properties"]["dealstage"] for d in deals}) == 7
    assert any("associations" not in d for d in deals)


def test_changes_survive_an_end_of_any_kind(demo: Demo) -> None:
    path = "/crm/v3/objects/contacts/1001"
    demo.crm("PATCH", path, json={"properties": {"city": "Rome"}})
    key, port, smtp_port = demo.api_key, httpx.URL(demo.http).port, demo.smtp_port
    demo.kill()
    demo.start(port=port or 0, smtp_port=smtp_port)
    assert demo.record("contacts", "1001", "city")["city"] == "Rome"
    assert demo.api_key == key
    assert [entry["path"] for entry in demo.requests()] == [path]
    demo.restart()
    assert demo.record("contacts", "1001", "city")["city"] == "Rome"


def test_keys_are_for_the_owner_only(demo: Demo) -> None:
    announce = demo.state / "announce.json"
    assert stat.S_IMODE(announce.stat().st_mode) == 0o600
    assert stat.S_IMODE((demo.state / "workspace.sqlite").stat().st_mode) == 0o600
    assert set(json.loads(announce.read_text())) == {"http", "smtp", "api_key", "smtp_user", "smtp_password"}


def test_the_page_shows_what_happened_and_runs_nothing_of_it(demo: Demo) -> None:
    text = "<script>alert(1)</script>"
    demo.crm("PATCH", "/crm/v3/objects/contacts/1001", json={"properties": {"jobtitle": text}})
    page = httpx.get(demo.http).text
    assert "&lt;script&gt;" in page
    assert text not in page
    assert "PATCH /crm/v3/objects/contacts/1001" in page
    assert demo.api_key not in page
    record = httpx.get(f"{demo.http}/records/contacts/1001").text
    assert "&lt;script&gt;" in record
    assert text not in record
