"""The grammars of a configuration file (spec: router-config.md §2): text to raw sections. No meaning here."""

import json
import re

from skrouter.config.parser_json import parse_json_form
from skrouter.config.raw import Parsed, RawAttribute, camel_case, flaw, json_decoder
from skrouter.config.schema import Value

_NOTHING = re.compile(r"\s*(#.*)?")
_HASH_VALUE = re.compile(r"\s*(pattern|bindingKey|hostname)\s*:\s*(\S+)")
_JSON_MAP = re.compile(r"\s*(openProperties|groups)\s*:\s*(\{.*)")
_SECTION = re.compile(r"\s*([\w-]+)\s*\{")
_MAP = re.compile(r"\s*([\w$-]+)\s*:\s*\{")
_ATTRIBUTE = re.compile(r"\s*([\w$-]+)\s*:\s*(.*)")
_FORMS = "write `section {`, `name: value`, `name: {` or `}`, each on a line of its own"


def parse(text: str, file: str) -> Parsed:
    """The sections of a file; `file` decides the grammar: a name in .json is the list form."""
    if file.endswith(".json"):
        return parse_json_form(text)
    reader = _Reader()
    for number, line in enumerate(text.split("\n"), start=1):
        reader.line(number, line)
    return reader.end()


class _Reader:
    """Reads the brace form line by line; what is open is a section, then maps, then perhaps verbatim JSON."""

    def __init__(self) -> None:
        self._parsed = Parsed()
        self._section: tuple[str, int] | None = None
        self._attributes: list[RawAttribute] = []
        self._maps: list[tuple[str, int, dict[str, Value]]] = []
        self._json: _JsonMap | None = None

    def line(self, number: int, line: str) -> None:
        """Takes the next line."""
        if self._json is not None:
            self._continue_json(self._json, line)
        elif not _NOTHING.fullmatch(line):
            self._statement(number, line)

    def end(self) -> Parsed:
        """What was read; everything that is still open is a mistake."""
        if self._json is not None:
            self._parsed.complain(
                self._json.first_line,
                f"the map {self._json.name!r} is not closed",
                "close it with } on a line",
            )
        elif self._maps:
            name, line, _ = self._maps[-1]
            self._parsed.complain(line, f"the map {name!r} is not closed", "close it with } on a line")
        elif self._section is not None:
            name, line = self._section
            self._parsed.complain(line, f"the section {name!r} is not closed", "close it with } on a line")
        self._close_section()
        return self._parsed

    def _statement(self, number: int, line: str) -> None:
        plain = line.split("#", 1)[0].strip()
        if plain == "}":
            self._close(number)
        elif found := _HASH_VALUE.match(line):
            self._attribute(number, found[1], found[2])
        elif found := _JSON_MAP.match(line):
            self._begin_json(number, found[1], found[2].strip())
        elif found := _SECTION.fullmatch(plain):
            self._open_section(number, found[1])
        elif found := _MAP.fullmatch(plain):
            self._open_map(number, found[1])
        elif found := _ATTRIBUTE.fullmatch(plain):
            self._attribute(number, found[1], found[2])
        else:
            self._parsed.complain(number, repr(line.strip()), _FORMS)

    def _open_section(self, number: int, name: str) -> None:
        if self._section is not None:
            outer, line = self._section
            self._parsed.complain(
                number,
                f"section {name!r} begins inside {outer!r} of line {line}",
                "close that one with } before",
            )
            self._close_section()
        self._section = (camel_case(name), number)

    def _open_map(self, number: int, name: str) -> None:
        if self._section is None:
            self._outside(number, name)
        self._maps.append((name, number, {}))

    def _attribute(self, number: int, name: str, written: str) -> None:
        try:
            value = json_decoder().decode(f'"{written}"')
        except ValueError:
            value = None
        # an escape for a control character is a lone backslash that somebody meant as a backslash
        if not isinstance(value, str) or any(character < " " for character in value):
            self._parsed.complain(
                number,
                f"the value {written} of {name!r}",
                'leave out quotation marks; write \\" and \\\\ for " and \\',
            )
        else:
            self._store(number, name, value)

    def _store(self, number: int, name: str, value: Value) -> None:
        if reason := flaw(value):
            self._parsed.complain(number, f"the value of {name!r} has {reason}", "correct the value")
        elif self._maps:
            self._maps[-1][2][name] = value
        elif self._section is None:
            self._outside(number, name)
        else:
            self._attributes.append(RawAttribute(camel_case(name), value, number))

    def _outside(self, number: int, name: str) -> None:
        self._parsed.complain(
            number, f"{name!r} is outside of any section", "put it between `section {` and `}`"
        )

    def _close(self, number: int) -> None:
        if self._maps:
            name, line, content = self._maps.pop()
            if self._maps or self._section is not None:
                self._store(line, name, dict(content))
        elif self._section is not None:
            self._close_section()
        else:
            self._parsed.complain(number, "there is nothing open that } could close", "remove the line")

    def _close_section(self) -> None:
        if self._section is not None:
            self._parsed.add_section(*self._section, self._attributes)
        self._section, self._attributes, self._maps = None, [], []

    def _begin_json(self, number: int, name: str, rest: str) -> None:
        block = _JsonMap(name, number)
        if block.begin(rest):
            self._store_json(block)
        else:
            self._json = block

    def _continue_json(self, block: "_JsonMap", line: str) -> None:
        if not block.add(line):
            return
        self._json = None
        for unbalanced in block.unbalanced:
            self._parsed.complain(
                unbalanced,
                "a map inside a JSON map begins and ends on one line",
                'let `"name": {` end its line and give } a line of its own',
            )
        if not block.unbalanced:
            self._store_json(block)

    def _store_json(self, block: "_JsonMap") -> None:
        try:
            self._store(block.first_line, block.name, block.value())
        except json.JSONDecodeError as error:
            line = block.first_line + error.lineno - 1
            self._parsed.complain(
                line, f"the map {block.name!r} is not JSON: {error.msg}", "correct the JSON"
            )
        except (ValueError, RecursionError) as error:
            self._parsed.complain(
                block.first_line, f"the map {block.name!r} is not JSON: {error}", "correct the JSON"
            )


class _JsonMap:
    """A JSON map taken over word for word; its end is found by lines, as the reference does."""

    def __init__(self, name: str, first_line: int) -> None:
        self.name = name
        self.first_line = first_line
        self.unbalanced: list[int] = []
        self._lines: list[str] = []
        self._depth = 1

    def begin(self, rest: str) -> bool:
        """Takes the first line from its brace on; true if the whole map is on it."""
        self._lines.append(rest)
        return rest != "{" and _is_json(rest)

    def add(self, line: str) -> bool:
        """Takes a further line; true if it ends the map."""
        words = line.strip()
        self._lines.append("" if words.startswith("#") else line)
        if words.startswith("#"):
            return False
        if words.endswith("{"):
            self._depth += 1
        elif words in ("}", "},"):
            self._depth -= 1
        elif words.endswith(("}", "},")):
            self.unbalanced.append(self.first_line + len(self._lines) - 1)
        if self._depth == 0:
            self._lines[-1] = "}"
        return self._depth == 0

    def value(self) -> Value:
        """The map; ValueError or RecursionError if it is not JSON."""
        return json_decoder().decode("\n".join(self._lines))  # type: ignore[no-any-return]


def _is_json(text: str) -> bool:
    try:
        json_decoder().decode(text)
    except (ValueError, RecursionError):
        return False
    return True
