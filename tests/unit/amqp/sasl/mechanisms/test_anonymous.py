"""ANONYMOUS: whatever the trace text says, the user is `anonymous`."""

import pytest
from skrouter.amqp.sasl.mechanisms import anonymous
from skrouter.amqp.sasl.mechanisms.steps import Succeed


@pytest.mark.parametrize("trace", [None, b"", b"anonymous@host-b", b"root", b"\xff\0"])
def test_every_trace_text_is_the_same_user(trace: bytes | None) -> None:
    assert anonymous.server_step(trace) == Succeed("anonymous")


def test_the_client_says_where_it_comes_from() -> None:
    assert anonymous.client_response("host-b") == b"anonymous@host-b"
