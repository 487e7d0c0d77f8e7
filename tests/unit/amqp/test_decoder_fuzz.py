"""A few cases of the campaign of `make fuzz`; and a message means the same in whatever encoding it comes."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skrouter.amqp.message import decode_message
from skrouter.router.mesh import wire
from skrouter_testing.decoder_fuzz import (
    CAMPAIGNS,
    any_form,
    control_messages,
    real_messages,
    reencoded,
)
from skrouter_testing.heads import check_against_pure

RANDOM = st.randoms(use_true_random=False)


@pytest.mark.parametrize("name", list(CAMPAIGNS))
@settings(max_examples=100, deadline=None)
@given(source=RANDOM)
def test_a_decoder_reads_or_refuses_whatever_comes(name: str, source: Random) -> None:
    campaign = CAMPAIGNS[name]
    campaign.judge(campaign.case(source))


@settings(max_examples=100, deadline=None)
@given(source=RANDOM)
def test_a_protocol_message_means_the_same_in_every_encoding(source: Random) -> None:
    octets = source.choice(control_messages())
    other = reencoded(octets, source)
    assert wire.decode(other) == wire.decode(octets)
    assert decode_message(other).router_annotations == decode_message(octets).router_annotations


@settings(max_examples=100, deadline=None)
@given(source=RANDOM)
def test_any_message_between_routers_means_the_same_in_every_encoding(source: Random) -> None:
    octets = source.choice([m for m in real_messages() if b"V\x52\x01" not in m])
    assert decode_message(reencoded(octets, source)) == decode_message(octets)
    check_against_pure(reencoded(octets, source))


def test_every_real_message_is_drawn_in_more_than_one_encoding() -> None:
    assert len(control_messages()) > 50
    assert len(real_messages()) > len(control_messages()) + 30
    forms = {any_form(1, Random(seed), loose=True)[0] for seed in range(300)}
    assert forms == {0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x60, 0x61, 0x70, 0x71, 0x80, 0x81}
    assert {any_form([], Random(seed))[0] for seed in range(50)} == {0x45, 0xC0, 0xD0}
    assert {any_form({"a": 1}, Random(seed), loose=True)[0] for seed in range(50)} == {0xC1, 0xD1}
    keys = {any_form("a", Random(seed), loose=True)[0] for seed in range(50)}
    assert keys == {0xA1, 0xA3, 0xB1, 0xB3}
