"""What is shipped: the package's files and lock, and a deployment that exposes one app and hands out few secrets."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from cli.errors import variable
from coco.settings import Settings

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name for name, service in SERVICES.items() if str(service["image"]).startswith("coco:")}
PROCESSES = OURS - {"migrate"}
PACKAGES = ("activities", "api", "cli", "coco", "demo", "sandbox", "store", "workers", "workflows")
KNOWN = {variable(field) for field in Settings.model_fields} | {"FORWARDED_ALLOW_IPS"}
"""Environment variables that Coco's processes read."""


def _mounted_secrets(service: dict[str, Any]) -> set[str]:
    return {item if isinstance(item, str) else str(item["source"]) for item in service.get("secrets", [])}


def _networks(service: dict[str, Any]) -> set[str]:
    return set(service["networks"])


# -- the deployment ------------------------------------------------------------------------------------------------


def test_only_the_edge_publishes_ports() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"edge"}
    assert SERVICES["edge"]["ports"] == ["80:80", "443:443"]
    assert not [name for name, service in SERVICES.items() if service.get("network_mode") or service.get("privileged")]


def test_the_edge_reaches_the_public_app_and_nothing_else() -> None:
    reached = {
        name
        for name, service in SERVICES.items()
        if name != "edge" and _networks(service) & _networks(SERVICES["edge"])
    }
    assert reached == {"api"}
    routed = re.findall(r"reverse_proxy\s+(\S+)", (ROOT / "deploy" / "Caddyfile").read_text())
    assert routed == [f"api:{SERVICES['api']['environment']['COCO_PUBLIC_PORT']}"]


def test_only_the_edge_and_the_gateway_have_a_way_out() -> None:
    outward = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    with_way_out = {name for name, service in SERVICES.items() if _networks(service) & outward}
    assert with_way_out == {"edge", "gateway"}


def test_each_process_has_the_secrets_it_needs_and_no_others() -> None:
    expected = {
        "api": {"master-key"},
        "internal": {"master-key"},
        "control": {"master-key", "grant-signing-key"},
        "gateway": {"master-key", "grant-public-key"},
        "migrate": {"master-key", "database-password"},
        "postgres": {"database-password"},
        "temporal": {"temporal-database-password"},
        "temporal-postgres": {"temporal-database-password"},
        "temporal-ui": set(),
        "edge": set(),
    }
    assert {name: _mounted_secrets(service) for name, service in SERVICES.items()} == expected


def test_no_secret_is_written_in_the_file() -> None:
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())
    for name, service in SERVICES.items():
        for key, value in service.get("environment", {}).items():
            if re.search(r"PASSW|PWD|SECRET|TOKEN|KEY", key):
                assert key.endswith("_FILE"), f"{name}: {key}"
            assert not re.search(r"://[^/@]*:[^/@]+@", str(value)), f"{name}: {key}"


def test_secrets_are_kept_out_of_git_and_of_the_image() -> None:
    folders = {str(Path(secret["file"]).parent) for secret in COMPOSE["secrets"].values()}
    assert folders == {"deploy/secrets"}
    assert "secrets/" in (ROOT / "deploy" / ".gitignore").read_text().split()
    assert "deploy/secrets" in (ROOT / ".dockerignore").read_text().split()


def test_every_setting_named_exists() -> None:
    for name in OURS:
        assert set(SERVICES[name]["environment"]) - KNOWN == set(), name


def test_the_gateway_keeps_out_of_private_networks() -> None:
    assert SERVICES["gateway"]["environment"]["COCO_EGRESS_PRIVATE_ADDRESSES"] == "false"


def test_images_are_pinned() -> None:
    for name, service in SERVICES.items():
        tag = str(service["image"]).partition(":")[2]
        assert re.match(r"\$\{COCO_VERSION:-\d+\.\d+\.\d+\}$|\d+\.\d+", tag), name


def test_everything_is_confined() -> None:
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    for name in OURS | {"edge", "postgres", "temporal-postgres"}:
        assert SERVICES[name]["read_only"] is True, name
    socket = {name for name, service in SERVICES.items() if "docker.sock" in str(service.get("volumes"))}
    assert socket == {"control"}


def test_whoever_is_depended_on_or_serves_is_looked_after() -> None:
    # The control worker listens on nothing; it ends when it cannot work, and is started again.
    assert {name for name, service in SERVICES.items() if "healthcheck" not in service} == {"control", "migrate"}
    for name, service in SERVICES.items():
        for needed, how in (service.get("depends_on") or {}).items():
            healthy = how["condition"] == "service_healthy"
            assert healthy is ("healthcheck" in SERVICES[needed]), f"{name} waits for {needed}"


def test_sandboxes_see_the_same_paths_as_the_control_worker() -> None:
    for name in ("control", "gateway"):
        for volume in SERVICES[name]["volumes"]:
            outside, inside = volume.split(":")[:2]
            assert outside == inside, "the daemon mounts these by the path it knows"
        assert SERVICES[name]["environment"]["COCO_RUN_DIR"] == "/var/lib/coco/run"
    assert "/var/lib/coco/run:/var/lib/coco/run" in SERVICES["gateway"]["volumes"]


def test_compose_itself_accepts_it() -> None:
    words = _compose()
    if words is None:
        assert not os.environ.get("COCO_REQUIRE_COMPOSE"), "docker compose is not installed"
        pytest.skip("docker compose is not installed")
    env = {**os.environ, "COCO_DOMAIN": "coco.example.com"}
    done = subprocess.run([*words, "config", "-q"], cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _compose() -> list[str] | None:
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


# -- the package ---------------------------------------------------------------------------------------------------


def test_every_dependency_is_locked_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    entries = re.findall(
        r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==[^\\\n]+\\\n((?:    --hash=\S+ ?\\?\n)+)", lock, re.MULTILINE
    )
    locked = {_normal(name) for name, _ in entries}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {_normal(re.split(r"[\[<>=!~; ]", entry, maxsplit=1)[0]) for entry in asked}
    assert names - locked == set()


def _closure(declared: list[str]) -> set[str]:
    """What is installed with these requirements: all that a deployment has."""
    found: set[tuple[str, str]] = set()
    waiting = [(line, "") for line in declared]
    while waiting:
        line, extra = waiting.pop()
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for one in ("", *requirement.extras):
            if (_normal(requirement.name), one) not in found:
                found.add((_normal(requirement.name), one))
                waiting += [(further, one) for further in requires(requirement.name) or []]
    return {name for name, _ in found}


def test_what_is_imported_is_declared() -> None:
    """No package that only the tests bring along."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = _closure(project["dependencies"])
    brought_by = packages_distributions()
    # SQLAlchemy imports it itself, and only for asyncio.
    assert "greenlet" in declared
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for name in _imports(path) - sys.stdlib_module_names - set(PACKAGES):
                assert {_normal(one) for one in brought_by.get(name, [name])} & declared, f"{name} in {path}"


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_file_that_is_read_at_run_time_is_in_the_wheel(tmp_path: Path) -> None:
    """Templates, grammars, styles and migrations: whatever git keeps beside the modules."""
    listed = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode != 0:
        pytest.skip("this is no git checkout")
    tracked = {line for line in listed.stdout.splitlines() if (ROOT / line).exists()}
    source = tmp_path / "source"
    for name in tracked | {"pyproject.toml", "README.md"}:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    done = subprocess.run(words, capture_output=True, text=True)
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("building a wheel needs setuptools from a package index")
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "wheel", "zip")
    shipped = {str(path.relative_to(tmp_path / "wheel")) for path in (tmp_path / "wheel").rglob("*") if path.is_file()}
    assert tracked - shipped == set()


def test_the_command_is_installed() -> None:
    entry = {point.name: point.value for point in distribution("coco-engine").entry_points}
    assert entry["coco"] == "cli.main:app"


def test_ci_is_executable_and_ends_with_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    commands = [line.strip() for line in script.read_text().splitlines() if line.strip() and not line.startswith("#")]
    assert commands[-1].startswith("make test")
