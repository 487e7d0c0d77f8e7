"""The list form of a file: `[["section", {attributes}], …]`, with comment lines. No meaning here."""

import json
import re
from bisect import bisect_right

from skrouter.config.raw import Parsed, RawAttribute, camel_case, flaw, json_decoder
from skrouter.config.schema import Value

_SPACE = re.compile(r"[ \t\n\r]*")
_SHAPE = 'write a list of ["section", {"attribute": value, …}]'


def parse_json_form(text: str) -> Parsed:
    """The sections of a list-form file; a mistake of form ends the reading."""
    kept = "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
    return _Reader(kept).read()


class _SyntaxError(Exception):
    """A mistake of form; position in the text, what is wrong."""

    def __init__(self, position: int, text: str) -> None:
        super().__init__(text)
        self.position = position


class _Reader:
    """Walks the outer lists and maps itself, to know the line of each attribute; values are decoded whole."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self._line_starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._decoder = json_decoder()
        self._parsed = Parsed()

    def read(self) -> Parsed:
        """The sections, or those before the mistake and the mistake."""
        try:
            self._list_of_sections()
        except _SyntaxError as error:
            self._parsed.complain(self._line(error.position), str(error), _SHAPE)
        return self._parsed

    def _list_of_sections(self) -> None:
        self._expect("[")
        if not self._take("]"):
            self._section()
            while self._take(","):
                self._section()
            self._expect("]")
        self._skip_space()
        if self._position < len(self._text):
            raise _SyntaxError(self._position, "there is text after the end of the list")

    def _section(self) -> None:
        self._expect("[")
        line = self._line(self._position)
        name = self._string("the name of a section")
        self._expect(",")
        self._expect("{")
        attributes: list[RawAttribute] = []
        if not self._take("}"):
            self._attribute(attributes)
            while self._take(","):
                self._attribute(attributes)
            self._expect("}")
        self._expect("]")
        self._parsed.add_section(camel_case(name), line, attributes)

    def _attribute(self, attributes: list[RawAttribute]) -> None:
        name = self._string("the name of an attribute")
        line = self._line(self._position - 1)
        self._expect(":")
        start = self._position
        value = self._value()
        if reason := flaw(value):
            raise _SyntaxError(start, f"the value of {name!r} has {reason}")
        if value is not None:
            attributes.append(RawAttribute(camel_case(name), value, line))

    def _string(self, what: str) -> str:
        self._skip_space()
        start = self._position
        value = self._value() if self._text.startswith('"', start) else None
        if not isinstance(value, str) or flaw(value):
            raise _SyntaxError(start, f"here must be {what} in quotation marks")
        return value

    def _value(self) -> Value:
        self._skip_space()
        value: Value
        try:
            value, self._position = self._decoder.raw_decode(self._text, self._position)
        except json.JSONDecodeError as error:
            raise _SyntaxError(error.pos, error.msg) from error
        except (ValueError, RecursionError) as error:
            raise _SyntaxError(self._position, str(error)) from error
        return value

    def _expect(self, character: str) -> None:
        if not self._take(character):
            raise _SyntaxError(self._position, f"here must be {character}")

    def _take(self, character: str) -> bool:
        self._skip_space()
        if not self._text.startswith(character, self._position):
            return False
        self._position += 1
        return True

    def _skip_space(self) -> None:
        if found := _SPACE.match(self._text, self._position):
            self._position = found.end()

    def _line(self, position: int) -> int:
        return bisect_right(self._line_starts, position)
