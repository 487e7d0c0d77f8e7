"""What the source tree holds: areas, modules, native packages, and what its build files say about them."""

import ast
import configparser
import shutil
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SKIPPED = shutil.ignore_patterns(
    ".git",
    ".venv",
    "build",
    "dist",
    "results",
    "*.egg-info",
    "*.so",
    "__pycache__",
    ".*_cache",
    ".hypothesis",
    ".demo",
)


def setup_constant(name: str) -> tuple[str, ...]:
    """The tuple of strings assigned to `name` in setup.py."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            return tuple(ast.literal_eval(node.value))
    raise LookupError(f"setup.py assigns no {name}")


def setup_cfg(section: str, option: str) -> str:
    """One option of setup.cfg as text."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser[section][option]


def areas() -> tuple[str, ...]:
    """The top folders that are imported as `skrouter.<area>`."""
    return setup_constant("AREAS")


def native_packages() -> tuple[str, ...]:
    """Import names of the packages that hold native modules, lowest first."""
    return tuple("skrouter." + folder.replace("/", ".") for folder in setup_constant("NATIVE"))


def module_name(path: Path) -> str:
    """The import name of a source file of an area (`router/core/core.py` -> `skrouter.router.core.core`)."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("skrouter", *(parts[:-1] if parts[-1] == "__init__" else parts)))


def area_files(*suffixes: str) -> Iterator[Path]:
    """Every file of the areas, in order; with one of `suffixes` if any are given."""
    for area in areas():
        for path in sorted((ROOT / area).rglob("*")):
            if (
                path.is_file()
                and "__pycache__" not in path.parts
                and (not suffixes or path.suffix in suffixes)
            ):
                yield path


def copy_tree(destination: Path) -> None:
    """Copy the source tree, with its links but without anything built."""
    shutil.copytree(ROOT, destination, symlinks=True, ignore=SKIPPED)
