"""What the reference's tools printed, and the tables in it read back as rows of texts."""

import re
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parents[2] / "data"


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, without its final line end, and its exit status."""

    text: str
    status: int


def outputs(tool: str) -> dict[str, Output]:
    """Outputs of `skstat` or `skmanage` by the command's words after the tool and its -b option."""
    content = (DATA / tool / "outputs.txt").read_text(encoding="utf-8")
    found: dict[str, Output] = {}
    for block in re.split(r"(?m)^\$ ", content)[1:]:
        command, _, rest = block.partition("\n")
        text, _, status = rest.rpartition("exit status ")
        words = command.split()[1:]
        bus = words.pop(1) if words[:1] == ["-b"] else ""
        name = " ".join(words[1:] if bus else words)
        key = name if bus in ("", "127.0.0.1:21703") else f"{bus} {name}"
        found.setdefault(key, Output(text.removesuffix("\n"), int(status.split()[0])))
    return found


def tables(text: str) -> dict[str, list[dict[str, str]]]:
    """The aligned tables in an output by title: each row a map from heading to cell."""
    lines = text.split("\n")
    found: dict[str, list[dict[str, str]]] = {}
    for index, line in enumerate(lines):
        if re.fullmatch(r"  =+", line):
            title = next(
                one for one in reversed(lines[: index - 1]) if one and one[0] != " " and ": " not in one
            )
            found[title] = _rows(lines[index - 1], lines[index + 1 :])
    return found


def _rows(headings: str, lines: list[str]) -> list[dict[str, str]]:
    starts = [match.start() for match in re.finditer(r"(?<=  )\S", headings)]
    names = [headings[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    rows = []
    for line in lines:
        if not line.startswith("  "):
            break
        cells = [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
        rows.append(dict(zip(names, cells, strict=True)))
    return rows
