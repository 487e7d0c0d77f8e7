"""PLAIN: what the client writes is what the server asks about."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.sasl.mechanisms import plain
from skrouter.amqp.sasl.mechanisms.steps import AskPassword, Challenge, Fail

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(WORDS, WORDS)
def test_user_and_password_arrive_as_given(user: str, password: str) -> None:
    assert plain.server_step(plain.client_response(user, password)) == AskPassword(user, password, "")


@given(st.binary(max_size=30))
def test_any_octets_are_a_question_or_a_failure(data: bytes) -> None:
    assert isinstance(plain.server_step(data), AskPassword | Fail)


def test_no_response_yet_is_answered_with_an_empty_challenge() -> None:
    assert plain.server_step(None) == Challenge(b"")


def test_a_password_is_never_shown() -> None:
    assert "secret" not in repr(plain.server_step(b"\0bob\0secret"))


@pytest.mark.parametrize(("user", "password"), [("b\0b", "x"), ("bob", "x\0")])
def test_nul_cannot_shift_the_parts(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="must not contain NUL"):
        plain.client_response(user, password)
