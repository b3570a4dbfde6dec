"""`coco connector`: begin a new connector."""

from __future__ import annotations

import keyword
import re
from itertools import groupby
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from cli.errors import Fix

app = typer.Typer(help="Connectors: begin a new one.", no_args_is_help=True)

_FILES = Path(__file__).parent / "connector_files"
_NAME = re.compile(r"[a-z][a-z0-9_]{1,23}")
_TITLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .&()-]{0,23}")
_CODE = ("init", "scopes", "arguments", "wire", "reads", "changes")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and underscores, as in `close_crm`.")],
    title: Annotated[str | None, typer.Option(help="The provider as people write it. Default: made of NAME.")] = None,
) -> None:
    """Write a connector's skeleton that works: one read, one gated operation, examples, tests and a docs page."""
    root = Path(__file__).resolve().parents[1]
    written = write_skeleton(root, name, title)
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(
        f"""
It is in the registry already. Now
  1. replace the operations in activities/connectors/{name}/ by the provider's own; take methods, paths, query
     parameters and scopes from its API description;
  2. give every operation an example in tests/connectors/examples/{name}.py;
  3. run: .venv/bin/pytest -q tests/connectors -k {name}
  4. fill docs/connectors/{name}.md.
docs/connectors/writing-a-connector.md walks through it."""
    )


def write_skeleton(root: Path, name: str, title: str | None = None) -> list[Path]:
    """Writes the files of a new connector below a checkout of Coco; their paths, relative to it.

    Raises Fix for a name or title that cannot be used, and where any of the files exists: then nothing is written.
    """
    _check(root, name)
    shown = title if title is not None else name.replace("_", " ").title()
    if not _TITLE.fullmatch(shown):
        raise Fix(f"{shown!r} cannot be a title: up to 24 letters, digits, spaces and . & ( ) - , such as 'Close CRM'")
    values = {"name": name, "title": shown, "constant": name.upper(), "host": name.replace("_", "-")}
    texts = {target: _text(file, values) for target, file in _targets(name).items()}
    there = sorted(str(target) for target in texts if (root / target).exists())
    if there:
        raise Fix(f"{', '.join(there)} exists already: choose another name, or remove what is left of an earlier try")
    for target, text in texts.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        with (root / target).open("x") as file:
            file.write(text)
    return list(texts)


def _check(root: Path, name: str) -> None:
    connectors = root / "activities" / "connectors"
    missing = [folder for folder in (connectors, root / "tests" / "connectors" / "examples") if not folder.is_dir()]
    if missing:
        raise Fix(
            f"a connector is written in a checkout of Coco's source, which {root} is not: {missing[0]} is missing"
        )
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name.endswith("_") or "__" in name:
        raise Fix(
            f"{name!r} cannot be a connector's name: 2 to 24 lower-case letters, digits and single underscores, "
            "beginning with a letter, and no word of Python's, such as close_crm"
        )
    if (connectors / name).exists():
        raise Fix(f"there is a connector {name} already: {Path('activities/connectors') / name}")
    if (connectors / f"{name}.py").exists():
        raise Fix(
            f"{name!r} cannot be a connector's name: activities/connectors/{name}.py is a module of all connectors"
        )


def _targets(name: str) -> dict[Path, str]:
    """Every file to write, and the skeleton's file that it is made of."""
    folder = Path("activities/connectors") / name
    found = {folder / ("__init__.py" if part == "init" else f"{part}.py"): f"{part}.py.txt" for part in _CODE}
    return found | {
        Path("tests/connectors/examples") / f"{name}.py": "examples.py.txt",
        Path("tests/connectors") / f"test_{name}.py": "test.py.txt",
        Path("docs/connectors") / f"{name}.md": "page.md.txt",
    }


def _text(file: str, values: dict[str, str]) -> str:
    """The file with the values filled in, and its imports in order: that depends on the name."""
    lines = Template((_FILES / file).read_text()).substitute(values).splitlines()
    found: list[str] = []
    for imports, block in groupby(lines, key=lambda line: line.startswith("from ")):
        kept = list(block)
        found += sorted(kept) if imports else kept
    return "\n".join(found) + "\n"
