"""`coco connector new`: what it writes passes what every connector has to pass, and it never writes over anything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.connector import write_skeleton
from cli.errors import Fix

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("activities", "api", "cli", "coco", "store", "docs/connectors", "tests/connectors", "pyproject.toml")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what a connector needs around it."""
    root = tmp_path_factory.mktemp("checkout")
    for name in COPIED:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copyfile(source, target)
    (root / "tests" / "__init__.py").touch()
    return root


def run(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, timeout=300
    )


def snapshot(checkout: Path) -> set[Path]:
    return {path for path in checkout.rglob("*") if "__pycache__" not in path.parts and ".pytest" not in str(path)}


@pytest.mark.parametrize(("name", "title"), [("acme_crm", None), ("z" * 24, "Z" * 20 + " Co.")])
def test_a_new_connector_passes_the_conformance_suite(checkout: Path, name: str, title: str | None) -> None:
    more = ["--title", title] if title else []
    made = run(checkout, "-m", "cli.main", "connector", "new", name, *more)
    assert made.returncode == 0, made.stderr
    assert f"tests/connectors/examples/{name}.py" in made.stdout
    assert f"-k {name}" in made.stdout
    suite = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/connectors/test_conformance.py"]
    tested = run(checkout, *suite, f"tests/connectors/test_{name}.py", "-k", f"{name} or another_process")
    assert tested.returncode == 0, tested.stdout[-3000:]
    assert f"test_the_card_names_the_change[{name}-items.update] PASSED" in tested.stdout
    assert f'"{title or "Acme Crm"}",' in (checkout / "activities/connectors" / name / "__init__.py").read_text()
    code = [f"activities/connectors/{name}", f"tests/connectors/test_{name}.py", f"tests/connectors/examples/{name}.py"]
    for ruff in (["check"], ["format", "--check"]):
        checked = run(checkout, "-m", "ruff", *ruff, *code)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "name",
    [
        *("", "a", "Acme", "acme-crm", "acme crm", "1acme", "_acme", "acme_", "a__b", "../acme", "a/b", "class"),
        *("x" * 25, "base", "registry", "manifest", "acmé", "acme.crm", "-x"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_is_written(checkout: Path, name: str) -> None:
    before = snapshot(checkout)
    with pytest.raises(Fix, match="cannot be a connector's name"):
        write_skeleton(checkout, name)
    assert snapshot(checkout) == before


@pytest.mark.parametrize("title", ["", "A\nB", '"', "x" * 25, "$name", "{x}"])
def test_a_bad_title_is_refused(checkout: Path, title: str) -> None:
    with pytest.raises(Fix, match="cannot be a title"):
        write_skeleton(checkout, "fresh", title)


def test_an_existing_connector_is_refused_by_the_command(checkout: Path) -> None:
    before = (checkout / "activities/connectors/hubspot/__init__.py").read_bytes()
    done = run(checkout, "-m", "cli.main", "connector", "new", "hubspot")
    assert done.returncode == 1
    assert done.stderr == "coco: there is a connector hubspot already: activities/connectors/hubspot\n"
    assert (checkout / "activities/connectors/hubspot/__init__.py").read_bytes() == before


def test_what_is_left_of_an_earlier_try_is_not_written_over(checkout: Path) -> None:
    page = checkout / "docs/connectors/leftover.md"
    page.write_text("mine")
    with pytest.raises(Fix, match=r"docs/connectors/leftover\.md exists already"):
        write_skeleton(checkout, "leftover")
    assert page.read_text() == "mine"
    assert not (checkout / "activities/connectors/leftover").exists()


def test_outside_a_checkout_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(Fix, match="checkout of Coco's source"):
        write_skeleton(tmp_path, "acme")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "must define exactly one Connector in its __init__, not 0"),
        ("from activities.connectors.hubspot import HUBSPOT\n", "named like its folder"),
        ("from activities.connectors.hubspot import HUBSPOT\nfrom activities.connectors.smtp import SMTP\n", "not 2"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
    ],
)
def test_a_folder_that_is_no_connector_stops_the_registry(checkout: Path, text: str, problem: str) -> None:
    folder = checkout / "activities/connectors/broken"
    folder.mkdir()
    try:
        (folder / "__init__.py").write_text(text)
        done = run(checkout, "-c", "import activities.connectors.registry")
    finally:
        shutil.rmtree(folder)
    assert done.returncode != 0
    assert problem in done.stderr
