"""The image that the sandbox's image takes its Python from: pulled, or made with debootstrap where no registry answers.

Only the interpreter, its standard library and shared libraries are taken from it (see `closure.py`).
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import docker.errors
from docker import DockerClient

DEFAULT = "python:3.11-slim"
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class BaseUnavailable(Exception):
    """No base image could be had; the message says what was tried and what to do."""


def ensure_base(docker: DockerClient, wanted: str | None, log: Callable[[str], None]) -> str:
    """The name of a base image that is there: `wanted`, or else the default, or else one made from Debian packages.

    A base that was asked for by name is never replaced by another. Raises BaseUnavailable.
    """
    name = wanted or DEFAULT
    if _there(docker, name):
        return name
    try:
        log(f"pulling {name}")
        docker.images.pull(*_split(name))
        return name
    except docker_errors as error:
        if wanted is not None:
            raise BaseUnavailable(f"{wanted} is not here and cannot be pulled: {error}") from error
        log(f"{name} cannot be pulled ({error}); making a base from this system's packages")
    return _debootstrap(docker, log)


docker_errors = (docker.errors.APIError, docker.errors.DockerException)


def _there(docker: DockerClient, name: str) -> bool:
    try:
        docker.images.get(name)
    except docker_errors:
        return False
    return True


def _split(name: str) -> tuple[str, str | None]:
    """("python", "3.11-slim"); a digest stays with the name; without a tag, `latest` and not every tag."""
    if "@" in name:
        return name, None
    repository, colon, tag = name.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (name, "latest")


def _debootstrap(docker: DockerClient, log: Callable[[str], None]) -> str:
    suite = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    program = shutil.which("debootstrap", path=_SYSTEM_PATH)
    advice = (
        f"no registry gave {DEFAULT}. Load one by hand (docker load), name another with COCO_SANDBOX_BASE_IMAGE, or, "
        "on Debian or Ubuntu as root: apt-get install debootstrap"
    )
    tag = f"coco-base:{suite}"
    if suite and _there(docker, tag):
        return tag
    if program is None or os.geteuid() != 0 or not suite:
        raise BaseUnavailable(advice)
    mirror = find_mirror(suite)
    if mirror is None:
        raise BaseUnavailable(f"no mirror for {suite} in /etc/apt: {advice}")
    with tempfile.TemporaryDirectory(prefix="coco-base-", dir="/var/tmp") as scratch:
        root, archive = Path(scratch) / "root", Path(scratch) / "root.tar"
        log(f"debootstrap {suite}: about a minute")
        made = subprocess.run(
            [program, "--variant=minbase", "--include=python3", suite, str(root), mirror],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": _SYSTEM_PATH},
        )
        if made.returncode != 0:
            last = " ".join((made.stdout + made.stderr).strip().splitlines()[-3:])
            raise BaseUnavailable(f"debootstrap failed: {last}")
        shutil.rmtree(root / "var/cache/apt", ignore_errors=True)
        subprocess.run(["tar", "-C", str(root), "--one-file-system", "-cf", str(archive), "."], check=True)
        docker.api.import_image_from_file(str(archive), repository="coco-base", tag=suite)
    return tag


def find_mirror(suite: str, folder: Path = Path("/etc/apt")) -> str | None:
    """The first mirror that this system's own package sources name for `suite`; both of apt's formats are read."""
    texts = []
    for path in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        with contextlib.suppress(OSError):
            texts.append(path.read_text("utf-8", errors="replace"))
    everything = "\n\n".join(texts)
    for line in re.findall(r"(?m)^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+main\b", everything):
        if line[1] == suite:
            return str(line[0])
    for stanza in re.split(r"\n\s*\n", everything):
        fields: dict[str, list[str]] = {
            key.lower(): value.split() for key, value in re.findall(r"(?m)^([A-Za-z-]+):[ \t]*(.*)$", stanza)
        }
        if suite in fields.get("suites", []) and "main" in fields.get("components", []) and fields.get("uris"):
            return fields["uris"][0]
    return None
