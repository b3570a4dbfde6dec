"""Which of the project's own files go into a sandbox, and a name for exactly that content.

Only what the activity worker runs: nothing of the store, the API, the control worker or the gateway.
"""

from __future__ import annotations

import ast
import hashlib
import shutil
from pathlib import Path, PurePath

ROOT = Path(__file__).parents[2]

ENTRIES = (
    "workers.hermes",
    "activities.connectors",
    "activities.playbooks",
    "activities.sandboxed",
    "sandbox.forwarder",
    "sandbox.launch",
    "sandbox.probe",
    "sandbox.volume",
)
"""Modules, and packages with everything below them, that are wanted inside. What they import comes with them."""

FORBIDDEN = ("store", "api", "cli", "demo", "activities.trusted", "sandbox.gateway", "workers.control")
"""What must never come with them."""

UNNEEDED = ("temporalio/bridge/sdk-core", "temporalio/bridge/src")
"""Parts of the packages that nothing loads: the Rust sources of a compiled module."""

_DATA = {".json", ".lark", ".toml", ".txt", ".html"}


class Leak(Exception):
    """A module that runs inside imports one that must not be there; the message names both."""


def project_files(root: Path = ROOT) -> list[Path]:
    """The files, relative to `root`, in a fixed order: the entries' modules, all that they import of the project, and
    the data files beside them. Links are not followed. Raises Leak."""
    waiting = [path for entry in ENTRIES for path in _modules_of(root, entry)]
    chosen: set[Path] = set()
    while waiting:
        module = waiting.pop()
        if module in chosen:
            continue
        chosen.add(module)
        for name in _imports(root, module):
            if any(name == part or name.startswith(part + ".") for part in FORBIDDEN):
                raise Leak(f"{module} runs in the sandbox and imports {name}, which must not be there")
            if (found := _file_of(root, name)) is not None:
                waiting.append(found)
        # Importing a module imports every package above it.
        waiting.extend(
            above / "__init__.py"
            for above in module.parents
            if (root / above / "__init__.py").is_file() and above.parts
        )
    beside = {folder for module in chosen if (folder := module.parent).parts}
    data = {
        path.relative_to(root)
        for folder in beside
        for path in (root / folder).iterdir()
        if path.suffix in _DATA and path.is_file() and not path.is_symlink()
    }
    return sorted(chosen | data)


def _modules_of(root: Path, entry: str) -> list[Path]:
    """The entry's own file, or every Python file of the package; none where it does not exist."""
    folder = root.joinpath(*entry.split("."))
    if folder.is_dir():
        return [path.relative_to(root) for path in sorted(folder.rglob("*.py")) if not path.is_symlink()]
    found = _file_of(root, entry)
    return [found] if found is not None else []


def _file_of(root: Path, name: str) -> Path | None:
    """The project's file of a module, relative to `root`; None where the module is not the project's."""
    path = Path(*name.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if (root / candidate).is_file() and not (root / candidate).is_symlink():
            return candidate
    return None


def _imports(root: Path, module: Path) -> set[str]:
    """Names that a module's import statements may load, those inside functions too, but for type checking's."""
    package = module.with_suffix("").parts[:-1]
    found: set[str] = set()

    class Visitor(ast.NodeVisitor):
        def visit_If(self, node: ast.If) -> None:
            if "TYPE_CHECKING" in ast.unparse(node.test):
                for statement in node.orelse:
                    self.visit(statement)
            else:
                self.generic_visit(node)

        def visit_Import(self, node: ast.Import) -> None:
            found.update(alias.name for alias in node.names)

        def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
            start = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*start, *([node.module] if node.module else [])])
            found.add(base)
            # `from package import module` loads a module too, where it is one.
            found.update(f"{base}.{alias.name}" for alias in node.names)

    Visitor().visit(ast.parse((root / module).read_bytes(), str(module)))
    return found


def is_needed(file: PurePath) -> bool:
    """Whether a package's file, relative to `site-packages`, is worth taking inside."""
    return not any(file.is_relative_to(part) for part in UNNEEDED) and file.suffix != ".pyc"


def copy_project(target: Path, root: Path = ROOT) -> None:
    """Copy the project's files below `target`, readable by everybody."""
    for relative in project_files(root):
        destination = target / relative
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / relative, destination)
        destination.chmod(0o644)


def digest(*others: bytes, root: Path = ROOT) -> str:
    """SHA-256 over the project's files (names and content) and `others`, in hex."""
    total = hashlib.sha256()
    for relative in project_files(root):
        total.update(f"{relative}\0".encode())
        total.update(hashlib.sha256((root / relative).read_bytes()).digest())
    for other in others:
        total.update(hashlib.sha256(other).digest())
    return total.hexdigest()
