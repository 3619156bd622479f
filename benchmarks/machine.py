"""What the figures were measured on: never a path, a user or the name of a host."""

import datetime
import hashlib
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
LIBRARIES = ("numpy", "numba", "cryptography", "mpyc", "uvloop")


def describe() -> dict[str, Any]:
    """The machine and what runs on it."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
    }


def in_words(machine: dict[str, Any]) -> str:
    """One line for a table or a picture."""
    return (
        f"{machine['cores']} cores of {machine['cpu']}, {machine['memory_gib']:.0f} GiB, {machine['platform']}, "
        f"Python {machine['python']}, NumPy {machine['numpy']}"
    )


def commit() -> str:
    """The commit that is checked out, with a + where a source file differs from it."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--", "mpc_market", "parties", "benchmarks/*.py", "pyproject.toml")
    except (OSError, subprocess.CalledProcessError):
        return "not a git repository"
    return head + ("+" if changed else "")


def fingerprint() -> str:
    """A digest of what is measured: two runs with the same one measure the same code."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in ("mpc_market", "parties"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def today() -> str:
    """The date, for people who read the figures later."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def peak_memory() -> int:
    """The most memory this process had resident so far, in bytes."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except FileNotFoundError:
        import resource  # noqa: PLC0415

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except FileNotFoundError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()
