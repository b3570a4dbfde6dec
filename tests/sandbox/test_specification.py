"""A specification that could weaken a sandbox is refused before anything is started."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

import pytest

from sandbox.container import Limits, SandboxSpec, VolumeTooLarge, clean_output, measure_volume


@pytest.fixture
def good(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "gateway").mkdir()
    return {
        "user_id": str(uuid.uuid4()),
        "deployment": "d-1",
        "volume": tmp_path / "volume",
        "gateway_dir": tmp_path / "gateway",
    }


def test_a_good_one_is_taken(good: dict[str, Any]) -> None:
    spec = SandboxSpec(**good, environment={"COCO_TASK_QUEUE": "user-1"})
    assert spec.name == f"coco-d-1-{good['user_id']}"
    assert spec.full_environment["COCO_TASK_QUEUE"] == "user-1"


@pytest.mark.parametrize(
    "user_id",
    ["", "../other", "0" * 32, "8F602A48-15FF-4D58-B7D5-574A2BED310B", "{61bc0d15-4b01-41d7-89f7-b0ca78235bbc}", None],
)
def test_user_id_must_be_a_uuid(good: dict[str, Any], user_id: Any) -> None:
    with pytest.raises(ValueError, match="user_id"):
        SandboxSpec(**{**good, "user_id": user_id})


@pytest.mark.parametrize("deployment", ["", "A", "a/b", "x" * 33, "a b", "a\n"])
def test_deployment_must_be_plain(good: dict[str, Any], deployment: str) -> None:
    with pytest.raises(ValueError, match="deployment"):
        SandboxSpec(**{**good, "deployment": deployment})


@pytest.mark.parametrize("name", ["HUBSPOT_KEY", "API_TOKEN", "CLIENT_SECRET", "PASSWORD", "DB_PASSWD", "CREDENTIALS"])
def test_no_secret_in_the_environment(good: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match="secret"):
        SandboxSpec(**good, environment={name: "x"})


@pytest.mark.parametrize("name", ["PATH", "HOME", "LD_PRELOAD", "PYTHONPATH", "PYTHONSTARTUP", "TMPDIR"])
def test_the_sandboxs_own_variables_stay(good: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match="own"):
        SandboxSpec(**good, environment={name: "x"})


@pytest.mark.parametrize("name", ["a", "", "A=B", "A B", "1A"])
def test_variables_have_plain_names(good: dict[str, Any], name: str) -> None:
    with pytest.raises(ValueError, match="environment variable"):
        SandboxSpec(**good, environment={name: "x"})


@pytest.mark.parametrize("volume", ["/", "/etc", "relative/path"])
def test_volume_must_lie_deep_enough(good: dict[str, Any], volume: str) -> None:
    with pytest.raises(ValueError, match="absolute path"):
        SandboxSpec(**{**good, "volume": Path(volume)})


def test_volume_through_a_link_is_refused(good: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(ValueError, match="symbolic link"):
        SandboxSpec(**{**good, "volume": tmp_path / "link" / "ssl"})


def test_volume_and_gateway_must_not_contain_each_other(good: dict[str, Any]) -> None:
    for volume in (good["gateway_dir"], good["gateway_dir"] / "in", good["gateway_dir"].parent):
        with pytest.raises(ValueError, match="within each other"):
            SandboxSpec(**{**good, "volume": volume})


def test_gateway_folder_must_be_there(good: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="gateway makes it"):
        SandboxSpec(**{**good, "gateway_dir": tmp_path / "missing"})


@pytest.mark.parametrize("limits", [{"memory_mb": 0}, {"pids": -1}, {"cpus": 0.0}, {"tmp_mb": 0}, {"pids": 1 << 40}])
def test_limits_must_limit(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="between"):
        Limits(**limits)


def test_the_digest_covers_everything(good: dict[str, Any], tmp_path: Path) -> None:
    spec = SandboxSpec(**good)
    (tmp_path / "gateway-2").mkdir()
    others: list[dict[str, Any]] = [
        {"user_id": str(uuid.uuid4())},
        {"deployment": "d-2"},
        {"volume": tmp_path / "volume-2"},
        {"gateway_dir": tmp_path / "gateway-2"},
        {"command": ("python", "-V")},
        {"environment": {"A": "1"}},
        {"limits": Limits(pids=64)},
    ]
    digests = {SandboxSpec(**{**good, **other}).digest("tree") for other in others}
    assert len(digests | {spec.digest("tree"), spec.digest("other tree")}) == len(others) + 2
    assert SandboxSpec(**good).digest("tree") == spec.digest("tree")


def test_volume_is_measured_without_following_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/usr")
    (tmp_path / "file").write_bytes(b"x" * 10_000)
    assert 10_000 <= measure_volume(tmp_path, 1) < 100_000
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/big").write_bytes(b"x" * 2_000_000)
    with pytest.raises(VolumeTooLarge, match="1 MiB"):
        measure_volume(tmp_path, 1)


def test_volume_nested_beyond_reading_is_refused(tmp_path: Path) -> None:
    """Made by a hostile sandbox, such a tree must neither crash the starter nor pass unmeasured."""
    before = Path.cwd()
    levels = 25
    try:
        os.chdir(tmp_path)
        for _ in range(levels):
            os.mkdir("d" * 200)
            os.chdir("d" * 200)
    finally:
        os.chdir(before)
    with pytest.raises(VolumeTooLarge, match="cannot be measured"):
        measure_volume(tmp_path, 1)
    # Too deep to be removed by path: shorten it level by level for pytest's own clean-up.
    fd = os.open(tmp_path, os.O_RDONLY)
    fds = [fd]
    for _ in range(levels - 1):
        fds.append(os.open("d" * 200, os.O_RDONLY, dir_fd=fds[-1]))
    for fd in reversed(fds):
        os.rmdir("d" * 200, dir_fd=fd)
        os.close(fd)


def test_output_for_people_has_no_control_characters() -> None:
    assert clean_output(b"a\x1b[31mb\x00\r\n\tc\xff\xe2\x80\xae") == "a�[31mb��\n\tc��"
