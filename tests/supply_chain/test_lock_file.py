"""deploy/requirements.lock: all that the container installs, each file by its hash, and what pyproject asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "deploy" / "requirements.lock").read_text("ascii")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
WANTED = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
PYTHONS = ("3.11", "3.12", "3.13")
"""Of the container, and those next to it. What a lock pins may depend on the Python; every one gets exactly one."""


def entries(lock: str) -> list[tuple[Requirement, int]]:
    """Every requirement of a lock file, with the number of its hashes; comments and continuation lines are gone."""
    joined = re.sub(r"\\\n\s*", "", lock)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    split = [re.split(r"\s*--hash=sha256:", line) for line in lines]
    assert all(re.fullmatch(r"[0-9a-f]{64}", each.strip()) for _, *hashes in split for each in hashes)
    return [(Requirement(what), len(hashes)) for what, *hashes in split]


def unsatisfied(lock: str, wanted: list[str], python: str) -> list[str]:
    """Which of the wanted requirements a lock file does not pin, or to a version that does not do, on Linux."""
    environment = {**default_environment(), "sys_platform": "linux", "python_version": python}
    environment["python_full_version"] = f"{python}.0"
    pins: dict[str, list[str]] = {}
    for pinned, _ in entries(lock):
        if pinned.marker is None or pinned.marker.evaluate(environment):
            (pin,) = pinned.specifier
            assert pin.operator == "==", pinned
            pins.setdefault(_plain(pinned.name), []).append(pin.version)
    assert all(len(versions) == 1 for versions in pins.values())
    wrong = []
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            versions = pins.get(_plain(requirement.name), [])
            if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
                wrong.append(f"{requirement}: {versions or 'not pinned'}")
    return wrong


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_file_pins_what_the_project_asks_for(python: str) -> None:
    """Else: make lock."""
    assert unsatisfied(LOCK, WANTED, python) == []


def test_every_file_is_known_by_its_hash() -> None:
    assert [str(pinned) for pinned, hashes in entries(LOCK) if hashes == 0] == []
    assert len(entries(LOCK)) > 40


def test_nothing_comes_from_elsewhere() -> None:
    """No other index, no address, no file: what is pinned is found where everybody looks."""
    assert re.findall(r"^\s*-(?!-hash)|://| @ ", LOCK, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("wanted", "wrong"),
    [
        ("numpy>=99", "numpy>=99: "),
        ("left-pad>=1", "left-pad>=1: not pinned"),
        ("uvloop>=99; sys_platform != 'win32'", "uvloop>=99"),
    ],
)
def test_what_the_lock_file_does_not_satisfy_is_noticed(wanted: str, wrong: str) -> None:
    (found,) = unsatisfied(LOCK, [wanted], "3.11")
    assert found.startswith(wrong)
