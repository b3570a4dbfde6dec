"""What goes into a sandbox is what its worker imports, and nothing of the trusted side."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.image import requirements, tree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "workers/__init__.py": "",
        "workers/hermes.py": "import json\nfrom coco import digest\nfrom coco.cards import Card\n",
        "coco/__init__.py": "",
        "coco/digest.py": "def f():\n    from . import spelling\n",
        "coco/spelling.py": "",
        "coco/cards/__init__.py": "from coco.cards.card import Card\n",
        "coco/cards/card.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from store import rows\n",
        "coco/cards/words.json": "{}",
        "coco/unused.py": "",
        "store/__init__.py": "",
        "store/rows.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_takes_what_is_imported_and_its_data(project: Path) -> None:
    assert list(map(str, tree.project_files(project))) == [
        "coco/__init__.py",
        "coco/cards/__init__.py",
        "coco/cards/card.py",
        "coco/cards/words.json",
        "coco/digest.py",
        "coco/spelling.py",
        "workers/__init__.py",
        "workers/hermes.py",
    ]


@pytest.mark.parametrize("statement", ["import store.rows", "from store import rows", "def f():\n    import store"])
def test_refuses_the_trusted_side(project: Path, statement: str) -> None:
    (project / "coco/spelling.py").write_text(statement)
    with pytest.raises(tree.Leak, match=r"coco/spelling\.py .* imports store"):
        tree.project_files(project)


def test_takes_no_links(project: Path) -> None:
    (project / "coco/unused.json").symlink_to("/etc/passwd")
    assert Path("coco/unused.json") not in tree.project_files(project)


def test_digest_follows_the_content(project: Path) -> None:
    before = tree.digest(root=project)
    (project / "coco/unused.py").write_text("1")
    assert tree.digest(root=project) == before
    (project / "coco/digest.py").write_text("1")
    assert tree.digest(root=project) != before
    assert tree.digest(b"x", root=project) != tree.digest(root=project)


def test_the_projects_own_tree_leaks_nothing() -> None:
    files = tree.project_files()
    assert Path("sandbox/probe.py") in files
    assert {path.parts[0] for path in files} <= {"activities", "coco", "sandbox", "workers", "workflows"}


def test_requirements_are_those_of_the_lock() -> None:
    """They cannot diverge: the file is what the lock and the installed packages' metadata make of it."""
    assert requirements.FILE.read_text() == requirements.render(requirements.LOCK.read_text()), (
        "run `python -m sandbox.image.requirements`"
    )


def test_requirements_carry_hashes_and_no_markers() -> None:
    text = requirements.render(requirements.LOCK.read_text())
    entries = [block for block in text.split("\n") if "==" in block]
    assert len(entries) >= len(requirements.ROOTS)
    assert text.count("--hash=sha256:") >= len(entries)
    assert ";" not in text


def test_requirements_say_what_the_lock_lacks() -> None:
    with pytest.raises(LookupError, match="temporalio"):
        requirements.render("pydantic==1 \\\n    --hash=sha256:" + "0" * 64 + "\n")
