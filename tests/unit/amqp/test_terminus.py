"""A terminus without an address is anonymous only if nothing else is asked for."""

import pytest
from skrouter.amqp.terminus import NULL_TERMINUS, Terminus


@pytest.mark.parametrize(
    ("terminus", "anonymous"),
    [
        (NULL_TERMINUS, True),
        (Terminus(capabilities=("qd.router",)), True),
        (Terminus("a"), False),
        (Terminus(""), False),
        (Terminus(dynamic=True), False),
        (Terminus(coordinator=True), False),
    ],
)
def test_anonymous_means_no_address_and_nothing_asked_for(terminus: Terminus, anonymous: bool) -> None:
    assert terminus.anonymous is anonymous


def test_the_defaults_are_those_of_the_standard() -> None:
    assert (NULL_TERMINUS.expiry_policy, NULL_TERMINUS.timeout, NULL_TERMINUS.durable) == (
        "session-end",
        0,
        0,
    )
