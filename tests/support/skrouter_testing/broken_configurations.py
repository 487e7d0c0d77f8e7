"""Configuration files that are wrong, each in its own way, and what is said of them.

As a program it writes the expected texts anew, to be read before they are kept:
`python -m skrouter_testing.broken_configurations`.
"""

from __future__ import annotations

from pathlib import Path

from skrouter.cli.preflight import preflight
from skrouter.config.errors import ConfigError
from skrouter.config.loader import load

FOLDER = Path(__file__).parents[2] / "data" / "configurations" / "broken"
EXPECTED = FOLDER / "errors.txt"


def files() -> list[Path]:
    """All of them, by name."""
    return sorted(path for path in FOLDER.iterdir() if path.suffix in (".conf", ".json"))


def error_of(path: Path) -> ConfigError | None:
    """What the daemon and `--check` say before anything is started; None if they say nothing."""
    try:
        preflight(load(path), str(path))
    except ConfigError as error:
        return error
    return None


def text_of(path: Path) -> str:
    """The error without the name of the folder."""
    return str(error_of(path)).replace(f"{FOLDER}/", "")


def expected() -> dict[str, str]:
    """The texts that are kept, by name of file."""
    blocks = EXPECTED.read_text(encoding="utf-8").split("--- ")[1:]
    return {name: text.rstrip("\n") for name, _, text in (block.partition("\n") for block in blocks)}


if __name__ == "__main__":
    EXPECTED.write_text("".join(f"--- {path.name}\n{text_of(path)}\n" for path in files()), encoding="utf-8")
