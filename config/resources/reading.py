"""A parsed document to an object of its class: every mistake is noted, none ends the reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from skrouter.config.resources.problems import Notes, Place
from skrouter.config.resources.shape import Field, fields_of, is_list, is_map, item_type, without_none

T = TypeVar("T")
_BAD: Any = object()
_WORDS = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "a map", str: "text"}


def read(cls: type[T], document: object, place: Place, notes: Notes, *, strict: bool = True) -> T:
    """The object; fields with a mistake keep their default. `strict` warns of fields that nobody knows."""
    return _Reader(notes, strict).shape(cls, document, place)


@dataclass(frozen=True, slots=True)
class _Reader:
    notes: Notes
    strict: bool

    def shape(self, cls: type[T], document: object, place: Place) -> T:
        """An object of the class."""
        if document is None:
            document = {}
        if not isinstance(document, Mapping):
            text = f"{_shown(document)} is {_word(document)}, not a map"
            self.notes.complain(place, text, "give fields with values")
            return cls()
        known = {one.name: one for one in fields_of(cls)}
        if self.strict:
            self._warn_of_unknown(document, known, place)
        values: dict[str, Any] = {}
        for name, one in known.items():
            value = self._field(one, document.get(name), place.at(name))
            if value is not _BAD:
                values[one.attribute_name] = value
        return cls(**values)

    def _warn_of_unknown(self, document: Mapping[str, Any], known: Mapping[str, Field], place: Place) -> None:
        for name in document:
            if name not in known:
                remedy = f"known are: {', '.join(sorted(known))}"
                self.notes.warn(place.at(str(name)), "unknown field, it has no effect", remedy)

    def _field(self, one: Field, value: object, place: Place) -> Any:
        if value is None or value == "":
            if one.attribute.required:
                rule = one.attribute.rule
                allowed = f"must be {rule.allowed}" if rule else "must be given"
                self.notes.complain(place, f"is missing; it {allowed}", "add it")
            return _BAD
        kind = without_none(one.type)
        if is_list(kind):
            return self._list(one, kind, value, place)
        if is_map(kind):
            return self._map(one, kind, value, place)
        return self._single(kind, one, value, place)

    def _single(self, kind: Any, one: Field, value: object, place: Place) -> Any:
        if kind not in (str, int, bool):
            return self.shape(kind, value, place)
        if kind is str and one.attribute.number_is_text and type(value) is int:
            value = str(value)
        if type(value) is not kind:
            return self._wrong_type(kind, value, place)
        rule = one.attribute.rule
        if rule is not None and isinstance(value, str | int) and not rule.holds(value):
            text = f"{_shown(value)} is not allowed; it must be {rule.allowed}"
            self.notes.complain(place, text, rule.remedy)
            return _BAD
        return value

    def _list(self, one: Field, kind: Any, value: object, place: Place) -> Any:
        if not isinstance(value, list):
            return self._wrong_type(list, value, place)
        self._count(one, value, place)
        inner = item_type(kind)
        found = (self._single(inner, one, item, place.item(number)) for number, item in enumerate(value))
        return tuple(item for item in found if item is not _BAD)

    def _map(self, one: Field, kind: Any, value: object, place: Place) -> Any:
        if not isinstance(value, dict):
            return self._wrong_type(dict, value, place)
        self._count(one, value, place)
        inner = item_type(kind)
        if inner is Any:
            return dict(value)
        found: dict[str, Any] = {}
        for key, item in value.items():
            if not isinstance(key, str):
                text = f"the key {_shown(key)} is {_word(key)}, not text"
                self.notes.complain(place, text, f'write "{_plain(key)}" in quotes')
                continue
            read_item = self._single(inner, one, item, place.item(key))
            if read_item is not _BAD:
                found[key] = read_item
        return found

    def _count(self, one: Field, value: list[Any] | dict[Any, Any], place: Place) -> None:
        if one.attribute.items is None:
            least, most = (1, len(value)) if one.attribute.required else (0, len(value))
        else:
            least, most = one.attribute.items
        if not least <= len(value) <= most:
            allowed = f"{least} or more" if one.attribute.items is None else f"{least} to {most}"
            self.notes.complain(place, f"has {len(value)} items; allowed are {allowed}", "add or remove some")

    def _wrong_type(self, kind: Any, value: object, place: Place) -> Any:
        remedy = {
            str: "give one value"
            if isinstance(value, list | dict)
            else f'write it in quotes: "{_plain(value)}"',
            int: "give a whole number without quotes",
            bool: "give true or false without quotes",
            list: "give a list, each item on a line that begins with '-'",
            dict: "give names with values",
        }[kind]
        self.notes.complain(place, f"{_shown(value)} is {_word(value)}, not {_WORDS[kind]}", remedy)
        return _BAD


def _word(value: object) -> str:
    return _WORDS.get(type(value), f"a {type(value).__name__}")


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown(value: object) -> str:
    text = _plain(value) if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
