"""Write all documents that follow from schema and parsers, or with `--check` name those that are old."""

import sys
from pathlib import Path

from reference import commands, completion, markdown, roff

ROOT = markdown.ROOT
COMPATIBILITY = "docs/compatibility.md"
BEGIN, END = "<!-- written by make reference: begin -->\n", "<!-- written by make reference: end -->\n"


def documents() -> dict[str, str]:
    """What every generated file should hold, by its name below the root."""
    found = {
        "docs/reference/entities.md": markdown.entities(),
        "docs/reference/programs.md": markdown.programs(),
        "docs/completion/skrouter.bash": completion.bash(),
        COMPATIBILITY: _with_coverage((ROOT / COMPATIBILITY).read_text(encoding="utf-8")),
    }
    pages = {**roff.pages(), **commands.man()}
    return {**found, **commands.markdown(), **{f"docs/man/{name}": text for name, text in pages.items()}}


def _with_coverage(text: str) -> str:
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{COMPATIBILITY} has no place for the table of entities: {BEGIN.strip()}")
    return head + BEGIN + "\n" + markdown.coverage() + "\n" + END + tail


def stale() -> list[str]:
    """Files that are not as they should be."""
    return [name for name, text in documents().items() if _present(ROOT / name) != text]


def _present(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


def main(arguments: list[str]) -> int:
    """0, or 1 if `--check` has found a file that is not current."""
    if arguments == ["--check"]:
        for name in (found := stale()):
            sys.stdout.write(f"{name} is not current: run make reference\n")
        return 1 if found else 0
    for name, text in documents().items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
