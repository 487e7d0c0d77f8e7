"""Link states: numbers grow with changes, copies are replaced by later ones only."""

import pytest
from skrouter.router.mesh.hello import Adjacency
from skrouter.router.mesh.link_state import OwnLinkState, RemoteLinkState

WITH_B = {"B": Adjacency(0, 1)}


def test_change_is_numbered_once() -> None:
    own = OwnLinkState()
    assert not own.advance()
    assert own.update(WITH_B) == {"B"}
    assert (own.advance(), own.sequence, own.peers) == (True, 1, {"B": 1})
    assert not own.advance()


def test_change_that_was_undone_before_the_tick_is_numbered_nevertheless() -> None:
    own = OwnLinkState()
    own.update(WITH_B)
    own.advance()
    own.update({})
    own.update(WITH_B)
    assert (own.advance(), own.sequence) == (True, 2)


def test_move_to_another_slot_of_equal_cost_is_no_change() -> None:
    own = OwnLinkState()
    own.update(WITH_B)
    own.advance()
    assert own.update({"B": Adjacency(4, 1)}) == set()
    assert not own.advance()


def test_new_cost_is_a_change() -> None:
    own = OwnLinkState()
    own.update(WITH_B)
    own.advance()
    assert own.update({"B": Adjacency(0, 9)}) == {"B"}
    assert (own.advance(), own.peers) == (True, {"B": 9})


@pytest.mark.parametrize(
    ("number", "peers", "changed", "have"),
    [
        (1, {"C": 1}, False, 2),
        (2, {"C": 1}, False, 2),
        (3, {"B": 1}, False, 3),
        (3, {"C": 1}, True, 3),
        (9, {}, True, 9),
    ],
)
def test_update_is_accepted_if_later_and_counts_if_different(
    number: int, peers: dict[str, int], changed: bool, have: int
) -> None:
    copy = RemoteLinkState()
    assert copy.accept(2, {"B": 1})
    assert copy.accept(number, peers) == changed
    assert copy.sequence.have == have
    assert copy.peers == (peers if number > 2 else {"B": 1})


def test_cleared_copy_accepts_any_number() -> None:
    copy = RemoteLinkState()
    copy.accept(7, {"B": 1})
    assert copy.clear()
    assert not copy.clear()
    assert copy.accept(1, {"B": 1})


@pytest.mark.parametrize(("at", "older"), [(59.9, False), (60.0, True)])
def test_copy_ages_from_the_last_word_of_its_router(at: float, older: bool) -> None:
    copy = RemoteLinkState()
    assert not copy.is_older_than(60.0, 1000.0)
    copy.accept(1, {"B": 1})
    copy.heard_at = 0.0
    assert copy.is_older_than(60.0, at) == older
