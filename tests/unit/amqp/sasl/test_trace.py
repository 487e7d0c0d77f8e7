"""The frames of a SASL exchange, whatever pieces they come in, and the end of the exchange."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from skrouter.amqp.sasl.frames import AMQP_HEADER, SASL_HEADER
from skrouter.amqp.sasl.trace import SaslTap
from skrouter_testing.frames import frame_header_that_announces, sasl_frame

INIT = sasl_frame("sasl-init", mechanism="PLAIN", initial_response=b"\0a\0b")
RESPONSE = sasl_frame("sasl-response", response=b"secret")


@given(st.integers(1, 40))
def test_a9_frames_are_found_however_the_stream_is_cut_and_amqp_is_not_looked_at(cut: int) -> None:
    stream = SASL_HEADER + INIT + RESPONSE + AMQP_HEADER + b"\0\0\0\x08\x02\0\0\0" * 3
    tap, found = SaslTap(), []
    for at in range(0, len(stream), cut):
        found += tap.take(stream[at : at + cut])
    assert found == [SASL_HEADER, INIT, RESPONSE]


def test_a9_a_stream_that_is_no_sasl_has_nothing_to_show() -> None:
    for stream in (AMQP_HEADER, b"GET / HTTP/1.1\r\n", SASL_HEADER + frame_header_that_announces(1 << 30, 1)):
        assert SaslTap().take(stream + INIT) in ([], [SASL_HEADER])


@given(st.lists(st.binary(max_size=30)))
def test_a9_any_octets_leave_nothing_behind_for_long(pieces: list[bytes]) -> None:
    tap = SaslTap()
    for piece in (SASL_HEADER, *pieces):
        for found in tap.take(piece):
            assert len(found) >= 8
