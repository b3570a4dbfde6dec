"""Nothing goes undocumented: settings, commands and their options, audit kinds; and no link leads nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Group, Option
from typer.main import get_command

from cli.errors import variable
from cli.main import app
from coco.audit import AuditKind
from coco.settings import Settings

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def _rows(page: str) -> dict[str, str]:
    """First cell of every table row, without backticks, to the rest of the row."""
    lines = (DOCS / page).read_text().splitlines()
    found = (re.match(r"\| `([^`]+)` \|(.*)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_every_setting_is_documented() -> None:
    documented = _rows("settings.md")
    assert {variable(field) for field in Settings.model_fields} - set(documented) == set()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    others = {"FORWARDED_ALLOW_IPS", "COCO_SANDBOX_BASE_IMAGE"}  # read by uvicorn, and by the image's builder
    assert set(_rows("settings.md")) - {variable(field) for field in Settings.model_fields} == others


def test_documented_defaults_are_the_real_ones() -> None:
    documented = _rows("settings.md")
    for field, info in Settings.model_fields.items():
        if isinstance(info.default, bool | int | float) and info.default is not None:
            told = documented[variable(field)].split("|")[0].strip(" `")
            real = str(info.default).lower() if isinstance(info.default, bool) else f"{info.default:g}"
            assert told in {real, str(info.default)}, field


def test_every_variable_that_the_code_reads_is_documented() -> None:
    """Beside the settings: what is taken from the environment directly."""
    known = set(_rows("settings.md"))
    # Inside a sandbox, whose environment is Coco's own to make.
    own = {"COCO_GATEWAY_DIR", "COCO_DATA_DIR"}
    for path in _modules():
        for name in re.findall(r"environ(?:\.get\(|\[)\s*\"(COCO_[A-Z_]+)\"", path.read_text()):
            assert name in known | own, f"{name} in {path.relative_to(ROOT)}"


def _modules() -> Iterator[Path]:
    for package in ("activities", "api", "cli", "coco", "sandbox", "store", "workers", "workflows"):
        yield from (ROOT / package).rglob("*.py")


def _commands(command: Command, name: str = "coco") -> Iterator[tuple[str, Command]]:
    if isinstance(command, Group):
        for child in command.commands.values():
            yield from _commands(child, f"{name} {child.name}")
    else:
        yield name, command


COMMANDS = dict(_commands(get_command(app)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented(name: str) -> None:
    assert f"`{name}`" in (DOCS / "cli.md").read_text()
    assert (COMMANDS[name].help or "").strip(), f"{name} --help says nothing"


@pytest.mark.parametrize("name", [name for name in COMMANDS if not name.startswith("coco guardrail")])
def test_every_option_is_documented(name: str) -> None:
    text = (DOCS / "cli.md").read_text()
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, Option) and parameter.name != "help":
            spelled = [*parameter.opts, *parameter.secondary_opts]
            assert any(option in text for option in spelled), f"{name} {spelled}"


def test_every_audit_kind_is_documented() -> None:
    assert set(_rows("audit.md")) == {kind.value for kind in AuditKind}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path) if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor and file.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name}: {target}"


def test_pictures_are_pictures() -> None:
    assert (DOCS / "inbox.png").read_bytes().startswith(b"\x89PNG")
