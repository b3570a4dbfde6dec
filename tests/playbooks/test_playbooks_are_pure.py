"""Playbooks import no Temporal, no network and no store: what they may do is what the reader lets them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from activities.playbooks import PLAYBOOKS, playbook
from activities.playbooks.base import Notes, ReadResult
from activities.playbooks.paging import all_pages
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from tests.playbooks.reader import CRM

FORBIDDEN = (
    "temporalio",
    "httpx",
    "grpc",
    "docker",
    "sqlmodel",
    "psycopg",
    "aiosmtplib",
    "smtplib",
    "store",
    "workflows",
)


def test_imports() -> None:
    program = "import sys, activities.playbooks; print('\\n'.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "activities.playbooks" in loaded
    assert not [name for name in loaded if name.partition(".")[0] in FORBIDDEN]


def test_each_has_a_form() -> None:
    assert set(PLAYBOOKS) == {"follow_up_silent_deals", "enrich_tagged_contacts"}
    for name, entry in PLAYBOOKS.items():
        assert playbook(name) is entry
        assert entry.schema()["additionalProperties"] is False
        assert all("title" in field for field in entry.schema()["properties"].values())
        assert entry.title
        assert entry.description
    with pytest.raises(InvalidInput, match="enrich_tagged_contacts"):
        playbook("sell_everything")


class _Endless:
    """A provider whose cursor never ends, or leads back."""

    def __init__(self, circle: bool) -> None:
        self.circle, self.reads = circle, 0

    async def read(self, connection: object, operation: str, arguments: object) -> ReadResult:
        self.reads += 1
        after = "7" if self.circle else str(self.reads)
        record = {"id": str(self.reads), "properties": {}}
        return ReadResult(f"r{self.reads}", ProviderResponse(status=200), {"results": [record], "after": after})

    async def prior(self, connection: object, operation: str, arguments: object) -> None:
        return None


async def test_paging_is_bounded_and_says_what_was_not_read() -> None:
    reader, notes = _Endless(circle=False), Notes()
    found = await all_pages(reader, notes, "deals", CRM, "deals.search", {})
    assert (len(found), reader.reads) == (100, 100)
    assert "- further deals: reading stopped after 100 pages, with 100 found" in notes.reasoning()
    notes = Notes()
    found = await all_pages(_Endless(circle=True), notes, "deals", CRM, "deals.search", {})
    assert [record["id"] for record in found] == ["1", "2"]
    assert "further deals: the provider's pages lead in a circle, after page 2" in notes.reasoning()
