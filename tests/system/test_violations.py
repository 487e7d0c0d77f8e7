"""What our router answers to the protocol violations and limits that a skupper-router was recorded with.

All cases but one are played at once, each on a connection of its own. `OURS` is where we mean to differ
(docs/compatibility.md, "Stricter" and "Mended").
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from skrouter.amqp import message as messages
from skrouter_testing.amqp_client import Client, Sender
from skrouter_testing.process import HOST, Routers, free_port, section
from skrouter_testing.violations import Case, Player, cases

ANONYMOUS = {"host": HOST, "authenticatePeer": "no", "saslMechanisms": "ANONYMOUS"}
CASES = cases()
CONSUMES = "9"
"""The case that attaches a receiver to `q`, without credit. It is played alone, last: a message of another
case that is balanced to it would wait for that credit and not be answered as recorded."""


def number_of(case: Case) -> str:
    """What stands in front of a title; the title itself of the idle ones."""
    return case.title.partition(".")[0]


def closed(condition: str, description: str) -> str:
    """A close with an error, in the notation of the recording."""
    return f'0: close(error=error(condition=:{condition}, description="{description}"))'


FRAMING, UNKNOWN = "amqp:connection:framing-error", "amqp:not-implemented"
TOO_LARGE = "malformed frame: larger than max-frame-size ({} octets, 4096 allowed)"
SYMBOLIC = "performatives with a symbolic descriptor are not supported, send the ulong descriptor"
BEFORE_OPEN = "performative before open (performative 0x11, channel 0, frame of 26 octets)"
NO_LIST = "malformed frame: body is not a described list (performative 0x11, channel 0, frame of 12 octets)"

OURS: dict[str, tuple[int, tuple[str, ...]]] = {
    # What is wrong with a frame is said.
    "1": (5, (closed(FRAMING, TOO_LARGE.format(5040)),)),
    "3": (3, (closed(FRAMING, TOO_LARGE.format(0x7FFFFFFF)),)),
    # Credit does not go below zero, and no drain is asked for.
    "6": (4, ("0: disposition(role=true, first=N, last=null, settled=true, state=released())", "0: close()")),
    # The reference falls silent and leaves the connection open, or takes no notice.
    "13": (3, (closed(UNKNOWN, "unknown performative"),)),
    "14": (3, (closed(UNKNOWN, SYMBOLIC),)),
    "15": (2, (closed(UNKNOWN, SYMBOLIC),)),
    "26": (
        1,
        (
            '0: open(container-id="A", hostname=null, max-frame-size=uint(4096), channel-max=ushort(3))',
            closed("amqp:illegal-state", BEFORE_OPEN),
        ),
    ),
    "31": (2, (closed(FRAMING, NO_LIST),)),
    "34": (2, (closed(FRAMING, "malformed frame: type is neither AMQP nor SASL"),)),
    "35": (2, (closed(FRAMING, "malformed frame: SASL frame outside the SASL exchange"),)),
    # The protocol that can be spoken is named, as AMQP has it.
    "41": (0, ("header 03010000",)),
    # A detach is answered, and what the receiver had not settled is.
    "45": (6, (*["0: disposition(role=false, first=N, last=null, settled=true)"] * 2,
               "0: detach(handle=uint(0), closed=true)", "0: close()")),
}  # fmt: skip
"""Cases with another answer than recorded: how many of its frames are the same, and ours behind them."""


def plain(body: str) -> bytes:
    """The message that the recording's helper sent."""
    return messages.encode_message(messages.Message(header=messages.Header(durable=False), body=body))


def send_waiting(sender: Sender, number: int, last: str | None) -> None:
    """Messages that wait for the raw client's credit; the last one when these are accepted."""
    sender.wait_credit()
    sent = [sender.send(plain(f"wait{n}")) for n in range(number)]
    if last is not None:
        sent[-1].outcome()
        sender.send(plain(last))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Player]]:
    """All cases, played. The consumer of `q` never settles; senders to `dr1` and `dr2` wait for theirs."""
    limited, idle, clients = (free_port() for _ in range(3))
    text = "".join((
        section("router", mode="interior", id="A"),
        section("listener", name="limits", port=limited, maxFrameSize=4096, maxSessions=4,
                maxSessionFrames=5, idleTimeoutSeconds=0, **ANONYMOUS),
        section("listener", name="idle", port=idle, idleTimeoutSeconds=4, **ANONYMOUS),
        section("listener", name="clients", port=clients, **ANONYMOUS),
    ))  # fmt: skip
    with Routers(tmp_path_factory.mktemp("violations")) as routers:
        routers.start("A", text)
        with Client(clients) as client:
            client.receiver("q", answer=None)
            waiting = [
                threading.Thread(target=send_waiting, args=(client.sender(address), number, last))
                for address, number, last in (("dr1", 3, "after"), ("dr2", 4, None))
            ]
            players = [Player(case, idle if case.is_idle else limited) for case in CASES]
            alone = [player for player in players if number_of(player.case) == CONSUMES]
            for together in ([*(player for player in players if player not in alone), *waiting], alone):
                for thread in together:
                    thread.start()
                for thread in together:
                    thread.join(30)
            yield {player.case.title: player for player in players}


@pytest.mark.parametrize("case", CASES, ids=[case.title[:40] for case in CASES])
def test_a_violation_is_answered_as_recorded_or_as_we_mean_to(case, played):
    kept, more = OURS.get(number_of(case), (len(case.answers), ()))
    assert played[case.title].answers == (*case.answers[:kept], *more)
