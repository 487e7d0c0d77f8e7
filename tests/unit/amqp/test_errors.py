"""Errors carry their condition, and a peer's value safely."""

import pytest
from skrouter.amqp import conditions, errors


@pytest.mark.parametrize(
    ("error", "condition"),
    [
        (errors.LocalProtocolError("what"), conditions.INTERNAL_ERROR),
        (errors.RemoteProtocolError("what"), conditions.FRAMING_ERROR),
        (errors.DecodeError("what"), conditions.DECODE_ERROR),
        (errors.DecodeError("what", conditions.INVALID_FIELD), conditions.INVALID_FIELD),
    ],
)
def test_an_error_says_condition_and_description(error: errors.ProtocolError, condition: str) -> None:
    assert (error.condition, error.description, str(error)) == (condition, "what", f"{condition}: what")


def test_local_and_remote_mistakes_are_apart() -> None:
    assert issubclass(errors.DecodeError, errors.RemoteProtocolError)
    assert not issubclass(errors.LocalProtocolError, errors.RemoteProtocolError)


def test_condition_names_are_distinct() -> None:
    names = [value for key, value in vars(conditions).items() if key.isupper()]
    assert len(names) == len(set(names)) > 20


@pytest.mark.parametrize("value", ["x" * 10_000, b"\n" * 10_000, ["y" * 999] * 999, {"a": "\x1b[31m"}])
def test_a_peer_s_value_is_shown_short_and_escaped(value: object) -> None:
    text = errors.shown(value)
    assert len(text) < 300
    assert text.isprintable()
