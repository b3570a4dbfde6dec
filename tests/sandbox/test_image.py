"""The image holds an interpreter, the packages and the project's code; nothing else, and nothing of this machine."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.image import build, tree
from sandbox.image.base import find_mirror

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
async def image(managers: Any, deployment: str) -> Any:
    manager = await managers("docker", deployment)
    tag = await manager.prepare()
    return manager._client.images.get(tag)


@pytest.fixture(scope="module")
def members(image: Any) -> list[tuple[tarfile.TarInfo, bytes | None]]:
    """Every file of every layer. Contents only of small ones: those that could hold a configuration."""
    whole = io.BytesIO(b"".join(image.save()))
    found: list[tuple[tarfile.TarInfo, bytes | None]] = []
    with tarfile.open(fileobj=whole) as archive:
        for layer in json.load(archive.extractfile("manifest.json"))[0]["Layers"]:  # type: ignore[arg-type]
            opened = archive.extractfile(layer)
            assert opened is not None
            with tarfile.open(fileobj=opened) as files:
                for member in files:
                    content = files.extractfile(member) if member.isreg() and member.size < 100_000 else None
                    found.append((member, content.read() if content is not None else None))
    return found


def test_no_privileged_files(members: list[tuple[tarfile.TarInfo, bytes | None]]) -> None:
    assert [m.name for m, _ in members if m.mode & (stat.S_ISUID | stat.S_ISGID)] == []
    assert [m.name for m, _ in members if m.isdev()] == []
    # COPY's own folders belong to root too; nothing but /tmp is writable to others.
    assert [m.name for m, _ in members if m.mode & 0o022 and not m.issym() and m.name.strip("/") != "tmp"] == []
    assert {m.uid for m, _ in members} == {0}


def test_no_tools(members: list[tuple[tarfile.TarInfo, bytes | None]]) -> None:
    runnable = [
        m.name for m, _ in members if m.isreg() and m.mode & 0o111 and not re.search(r"\.(so[0-9.]*|py)$", m.name)
    ]
    assert {Path(name).name.rstrip("0123456789.") for name in runnable} - {"python", "libgcc_s.so", "ld-linux"} == set()
    packages = {Path(m.name).parts[3] for m, _ in members if m.name.startswith("opt/coco/site-packages/")}
    assert not packages & {"pip", "setuptools", "wheel", "store", "api", "docker"}
    assert "temporalio" in packages


def test_nothing_of_the_machines_configuration(image: Any, members: list[tuple[tarfile.TarInfo, bytes | None]]) -> None:
    """Neither package index, certificates nor proxies of the building machine are in a file or in the history."""
    names = ("pip.conf", "ca-certificates.crt", "sources.list", "resolv.conf")
    assert [m.name for m, _ in members if Path(m.name).name in names] == []
    # Values that are this machine's own: a path that any Debian has is in the packages' files as well.
    names = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "HTTP_PROXY", "HTTPS_PROXY", "https_proxy")
    markers = [value.encode() for name in names if (value := os.environ.get(name))]
    markers += [str(tree.ROOT).encode() + b"/", str(Path.home()).encode() + b"/."]
    for member, content in members:
        assert not any(marker in (content or b"") for marker in markers), member.name
    told = json.dumps([image.history(), image.attrs["Config"]]).encode()
    assert not any(marker in told for marker in markers)
    assert image.attrs["Config"]["Env"] in (
        None,
        [],
        ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    )


def test_runs_as_the_sandboxs_user(image: Any) -> None:
    assert image.attrs["Config"]["User"] == "10001:10001"


def test_is_small(image: Any) -> None:
    assert image.attrs["Size"] < 250 * 1024 * 1024


async def test_is_built_once(managers: Any, deployment: str) -> None:
    manager = await managers("docker", deployment)
    said: list[str] = []
    tag = await build.ensure_image(manager._client, said.append)
    said.clear()
    assert await build.ensure_image(manager._client, said.append) == tag
    await asyncio.sleep(0)
    assert said == []


def test_mirror_is_read_from_both_of_apts_formats(tmp_path: Path) -> None:
    assert find_mirror("bookworm", tmp_path) is None
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(
        "Types: deb\n# a comment\nURIs: http://one.example/debian\nSuites: bookworm bookworm-updates\n"
        "Components: main\n\n"
        "Types: deb\nURIs: http://two.example/security\nSuites: bookworm-security\nComponents: main\n"
    )
    assert find_mirror("bookworm", tmp_path) == "http://one.example/debian"
    (tmp_path / "sources.list").write_text("deb [signed-by=/k] http://three.example/debian bookworm main contrib\n")
    assert find_mirror("bookworm", tmp_path) == "http://three.example/debian"
    assert find_mirror("trixie", tmp_path) is None
