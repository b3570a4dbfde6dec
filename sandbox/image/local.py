"""The same file tree as the image's, made of this environment's own packages: what a bubblewrap sandbox mounts."""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import re
import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from sandbox.image import tree
from sandbox.image.build import ETC, HERE


class TreeUnavailable(Exception):
    """A package that the sandbox needs is not installed here."""


def packages() -> list[metadata.Distribution]:
    """The installed distributions named by `requirements.txt`. Raises TreeUnavailable."""
    found = []
    for name in re.findall(r"(?m)^([A-Za-z0-9._-]+)==", (HERE / "requirements.txt").read_text("utf-8")):
        try:
            found.append(metadata.distribution(name))
        except metadata.PackageNotFoundError as error:
            raise TreeUnavailable(f"{name} is not installed in {sys.prefix}: run `make setup`") from error
    return found


def ensure_tree(folder: Path) -> tuple[Path, str]:
    """(the tree, SHA-256 naming its content), made below `folder` where it is not there yet.

    The tree holds `opt/coco` and `etc`, readable by everybody. Trees of earlier versions stay: sandboxes started
    from them may still run.
    """
    wanted = packages()
    versions = json.dumps([[item.name, item.version] for item in wanted] + [ETC, tree.UNNEEDED, sys.version])
    digest = tree.digest(versions.encode())
    target = folder / f"tree-{digest[:24]}"
    if target.is_dir():
        return target, digest
    part = Path(tempfile.mkdtemp(dir=folder, prefix="tree-part-"))
    try:
        _fill(part, wanted)
        part.chmod(0o755)
        try:
            part.rename(target)
        except OSError:
            if not target.is_dir():  # else another process made the same meanwhile
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target, digest


def _fill(root: Path, wanted: list[metadata.Distribution]) -> None:
    etc, code = root / "etc", root / "opt/coco"
    etc.mkdir()
    for name, text in ETC.items():
        (etc / name).write_text(text, "utf-8")
    tree.copy_project(code)
    for item in wanted:
        for file in item.files or []:
            source = Path(str(item.locate_file(file)))
            # Scripts lie outside of the packages' folder, under "..".
            if ".." in file.parts or not tree.is_needed(file) or not source.is_file():
                continue
            destination = code / "site-packages" / file
            destination.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, destination)
    compileall.compile_dir(
        code,
        stripdir=str(root),
        prependdir="/",
        quiet=2,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    for folder, _, files in os.walk(root):
        Path(folder).chmod(0o755)
        for name in files:
            (Path(folder) / name).chmod(0o644)
