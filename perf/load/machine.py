"""Facts that a figure means nothing without: machine, programs and commit."""

import os
import platform
import shutil
import subprocess
from pathlib import Path


def facts() -> dict[str, object]:
    """Cores, processor, kernel, memory in bytes, and versions of what is measured beside us."""
    return {
        "cores": os.cpu_count(),
        "cpu": _field("/proc/cpuinfo", "model name")
        if platform.machine() == "x86_64"
        else platform.machine(),
        "kernel": platform.release(),
        "memory_bytes": int(_field("/proc/meminfo", "MemTotal").split()[0]) * 1024,
        "python": platform.python_version(),
        "nginx": _version("nginx", "-v"),
        "haproxy": _version("haproxy", "-v"),
    }


def commit(root: Path) -> dict[str, object]:
    """The commit of the tree, and whether files differ from it."""
    revision = _git(root, "rev-parse", "HEAD")
    return {
        "commit": revision or None,
        "changed": bool(_git(root, "status", "--porcelain")) if revision else None,
    }


def _git(root: Path, *words: str) -> str:
    """The output of git; empty outside a repository or where git is not installed."""
    if shutil.which("git") is None:
        return ""
    result = subprocess.run(("git", "-C", str(root), *words), capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


def _field(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    raise LookupError(f"{file} has no field {name!r}")


def _version(program: str, option: str) -> str | None:
    if shutil.which(program) is None:
        return None
    result = subprocess.run((program, option), capture_output=True, text=True, check=False)
    return (result.stdout + result.stderr).splitlines()[0].strip()
