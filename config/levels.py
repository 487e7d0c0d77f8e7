"""Log levels and the `enable` attribute (spec: router-config.md §8). Writing log lines is elsewhere."""

import re

LEVELS = ("debug", "info", "warning", "error", "critical")
_NAMES = ("none", *LEVELS)
_SEPARATORS = re.compile(r"[,\s;:]+")


class InvalidLevelError(ValueError):
    """A word in an `enable` text that is no level; `str()` is the text for the user."""


def parse_enable(text: str) -> frozenset[str] | None:
    """The levels that `info+` or `debug,error` enable; none: no level; default: None, what DEFAULT says."""
    words = [word for word in _SEPARATORS.split(text) if word]
    if [word.lower() for word in words] == ["default"]:
        return None
    if not words:
        raise _invalid(text)
    return frozenset[str]().union(*(_levels(word) for word in words))


def _levels(word: str) -> tuple[str, ...]:
    name = word.removesuffix("+").lower()
    # trace was a level once and is now the same as debug
    index = _index("debug" if name == "trace" else name, word)
    if word.endswith("+"):
        return _NAMES[max(index, 1) :]
    return _NAMES[index : index + 1] if index else ()


def _index(name: str, word: str) -> int:
    """The place of the level in order; as in the reference, its first letters are enough."""
    for index, known in enumerate(_NAMES):
        if name and known.startswith(name):
            return index
    raise _invalid(word)


def _invalid(word: str) -> InvalidLevelError:
    return InvalidLevelError(f"'{word}' is not a valid log level. Should be one of {{{', '.join(_NAMES)}}}.")
