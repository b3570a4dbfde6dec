"""A Python interpreter with all it needs to run, and nothing else: itself, its standard library, shared libraries.

Run by the very interpreter that is to be described, on the host (for bubblewrap) or in the image's build (for Docker):
standard library only, no import from the project. `python closure.py TREE` prints the paths as JSON;
`python closure.py TREE ROOTFS` copies them below ROOTFS, keeping each path.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

LEFT_OUT = {
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "tkinter",
    "turtledemo",
    "ensurepip",
    "lib2to3",
    "pydoc_data",
    "__pycache__",
}
"""Parts of the standard library's folder that are not taken: other people's packages, tests, installers."""

LEFT_OUT_EXTENSIONS = ("_tkinter.", "_curses", "_dbm.", "_gdbm.", "nis.", "readline.")
"""Extension modules that would bring X11's, terminals' and databases' libraries along, by the start of their names."""


def standard_library() -> Path:
    """The folder of the standard library, its C extensions in `lib-dynload` included."""
    return Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))


def interpreter() -> Path:
    """The real executable of the base interpreter (a virtual environment's is a link to it)."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def extensions(folder: Path) -> list[Path]:
    found = [path for path in sorted(folder.rglob("*.so*")) if path.is_file() and not LEFT_OUT & _below(path, folder)]
    return [path for path in found if not path.name.startswith(LEFT_OUT_EXTENSIONS)]


def _below(path: Path, folder: Path) -> set[str]:
    # "site-packages" is left out of the standard library, and is the very name of the tree's own packages.
    return set(path.relative_to(folder).parts) - ({"site-packages"} if folder != standard_library() else set())


def shared_libraries(binaries: list[Path], inside: tuple[Path, ...]) -> dict[str, str]:
    """Path as the loader looks for it -> the real file, for every library that these need and that does not lie
    `inside` folders already taken."""
    found: dict[str, str] = {}
    for start in range(0, len(binaries), 50):
        listing = subprocess.run(
            ["ldd", *map(str, binaries[start : start + 50])],
            capture_output=True,
            text=True,
            check=False,  # it complains of a file that is not dynamic
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin")},
        )
        for path in re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", listing.stdout, re.MULTILINE):
            if not any(Path(path).is_relative_to(folder) for folder in inside):
                found[os.path.normpath(path)] = os.path.realpath(path)
    # Loaded by name when a thread is cancelled; no binary lists it.
    for path in list(found):
        unwinder = os.path.join(os.path.dirname(path), "libgcc_s.so.1")
        if os.path.basename(path) == "libc.so.6" and os.path.exists(unwinder):
            found[unwinder] = os.path.realpath(unwinder)
    return found


def describe(tree: Path) -> dict[str, object]:
    """{"python": path, "version": "3.11", "library": folder, "libraries": {path: real file}} for this interpreter
    and the packages below `tree`."""
    python, library = interpreter(), standard_library()
    binaries = [python, *extensions(library), *extensions(tree)]
    # A C extension of `tree` finds its own bundled libraries by a path relative to itself.
    libraries = shared_libraries(binaries, inside=(library, tree))
    return {
        "python": str(python),
        "version": "{}.{}".format(*sys.version_info[:2]),
        "library": str(library),
        "libraries": libraries,
    }


def assemble(tree: Path, rootfs: Path) -> None:
    """Copy this interpreter's closure below `rootfs`, with /usr/bin/python leading to it."""
    description = describe(tree)
    python, library = Path(str(description["python"])), Path(str(description["library"]))
    _copy(python, rootfs, python)
    libraries = description["libraries"]
    assert isinstance(libraries, dict)
    for path, real in libraries.items():
        _copy(Path(real), rootfs, Path(path))
    shutil.copytree(
        library,
        rootfs / library.relative_to("/"),
        symlinks=False,
        ignore=lambda folder, names: [name for name in names if _is_left_out(name)],
        ignore_dangling_symlinks=True,
    )
    # Nothing inside can write the compiled files later, and a start without them takes several times as long.
    compileall.compile_dir(
        rootfs / library.relative_to("/"),
        stripdir=str(rootfs),
        prependdir="/",
        quiet=2,
        workers=0,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    link = rootfs / "usr/bin/python"
    link.parent.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.symlink_to(python)
    for path in [rootfs, *rootfs.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _is_left_out(name: str) -> bool:
    return name in LEFT_OUT or name.startswith(("config-", *LEFT_OUT_EXTENSIONS))


def _copy(source: Path, rootfs: Path, as_path: Path) -> None:
    target = rootfs / as_path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        assemble(Path(sys.argv[1]), Path(sys.argv[2]))
    else:
        print(json.dumps(describe(Path(sys.argv[1]))))
