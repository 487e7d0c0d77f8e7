"""Password attributes (spec: router-config.md §7): where the text is. Environment and files are handed in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MAX_FILE_PASSWORD = 199
"""Characters of a password in a file; the reference reads no more."""


class PasswordError(ValueError):
    """A password that cannot be had; `str()` is the text for the log."""


@dataclass(frozen=True, slots=True)
class Password:
    """A resolved password; `is_plain` if it was written without prefix, which is worth a warning."""

    text: str
    is_plain: bool

    def __repr__(self) -> str:
        return f"Password(is_plain={self.is_plain})"


def resolve_password(
    written: str,
    environment: Mapping[str, str],
    read_file: Callable[[str], str],
    *,
    literal_allowed: bool = False,
) -> Password:
    """The password of `env:NAME`, `file:PATH`, `pass:TEXT`, `literal:TEXT` (sslProfile only) or plain text.

    `read_file` gives the content of a file and raises OSError or UnicodeDecodeError. PasswordError if the
    variable is not set, or the file cannot be read, or its first line is empty or too long.
    """
    form, separator, rest = written.partition(":")
    if separator and form == "env":
        return Password(_from_environment(rest, environment), is_plain=False)
    if separator and form == "file":
        return Password(_from_file(rest, read_file), is_plain=False)
    if separator and (form == "pass" or (form == "literal" and literal_allowed)):
        return Password(rest, is_plain=False)
    return Password(written, is_plain=True)


def _from_environment(name: str, environment: Mapping[str, str]) -> str:
    if name not in environment:
        raise PasswordError(f"Unable to find password: environment variable {name!r} is not set")
    return environment[name]


def _from_file(path: str, read_file: Callable[[str], str]) -> str:
    try:
        content = read_file(path)
    except OSError as error:
        raise PasswordError(
            f"Unable to open password file {path}, error: {error.strerror or error}"
        ) from error
    except UnicodeDecodeError as error:
        raise PasswordError(f"Unable to read password file {path}, error: it is not UTF-8 text") from error
    line = content.split("\n", 1)[0].rstrip("\r")
    if not line:
        raise PasswordError(f"Unable to read password file {path}, error: its first line is empty")
    if len(line) > MAX_FILE_PASSWORD:
        reason = f"its first line is longer than {MAX_FILE_PASSWORD} characters"
        raise PasswordError(f"Unable to read password file {path}, error: {reason}")
    return line
