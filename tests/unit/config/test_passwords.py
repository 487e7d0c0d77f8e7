"""Where a password attribute says the password is."""

from collections.abc import Callable

import pytest
from skrouter.config.passwords import Password, PasswordError, resolve_password

ENVIRONMENT = {"SECRET": "from-environment", "EMPTY": ""}


def _file_with(content: str) -> Callable[[str], str]:
    return lambda _path: content


def _no_file(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def _bytes_file(path: str) -> str:
    return b"\xff".decode("utf-8")


@pytest.mark.parametrize(
    ("written", "text", "is_plain"),
    [
        ("env:SECRET", "from-environment", False),
        ("env:EMPTY", "", False),
        ("file:/etc/pw", "from-file", False),
        ("pass:a:b", "a:b", False),
        ("literal:x", "x", False),
        ("plain", "plain", True),
        ("http://x", "http://x", True),
        ("env", "env", True),
        ("", "", True),
    ],
)
def test_b10_each_form_gives_its_password_and_plain_text_is_marked(
    written: str, text: str, is_plain: bool
) -> None:
    password = resolve_password(written, ENVIRONMENT, _file_with("from-file\nnext\n"), literal_allowed=True)
    assert password == Password(text, is_plain)


def test_literal_is_a_form_of_ssl_profiles_only() -> None:
    assert resolve_password("literal:x", {}, _no_file) == Password("literal:x", is_plain=True)


def test_a_file_counts_to_the_end_of_its_first_line() -> None:
    assert resolve_password("file:f", {}, _file_with("p w \r\nmore")).text == "p w "
    assert resolve_password("file:f", {}, _file_with("x" * 199)).text == "x" * 199


@pytest.mark.parametrize(
    ("written", "read_file", "message"),
    [
        ("env:NONE", _no_file, "Unable to find password: environment variable 'NONE' is not set"),
        ("file:/no", _no_file, "Unable to open password file /no, error: No such file or directory"),
        ("file:f", _bytes_file, "Unable to read password file f, error: it is not UTF-8 text"),
        ("file:f", _file_with("\nx"), "Unable to read password file f, error: its first line is empty"),
        (
            "file:f",
            _file_with("x" * 200),
            "Unable to read password file f, error: its first line is longer than 199 characters",
        ),
    ],
)
def test_a_password_that_cannot_be_had_says_why(
    written: str, read_file: Callable[[str], str], message: str
) -> None:
    with pytest.raises(PasswordError) as caught:
        resolve_password(written, {}, read_file)
    assert str(caught.value) == message


def test_a_password_is_not_shown() -> None:
    assert "geheim" not in repr(Password("geheim", is_plain=True))
