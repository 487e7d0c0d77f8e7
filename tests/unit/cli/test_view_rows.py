"""Rows that are made when they are looked at."""

import pytest
from skrouter.cli.view_rows import LazyRows
from skrouter.config.schema import load_schema
from skrouter.mgmt.agent.facts import AddressFacts
from skrouter_testing.agent_campaign import InProcess


class Made:
    """Squares, and which of them were made."""

    def __init__(self) -> None:
        self.keys: list[int] = []
        self.rows = LazyRows(range(10), self.square, lambda text: int(text) if text.isdigit() else None)

    def square(self, key: int) -> int:
        self.keys.append(key)
        return key * key


def test_only_the_rows_of_a_slice_are_made() -> None:
    made = Made()
    assert made.rows[7:100] == [49, 64, 81]
    assert made.keys == [7, 8, 9]


def test_rows_are_a_sequence() -> None:
    made = Made()
    assert (len(made.rows), made.rows[3], list(made.rows)) == (10, 9, [key * key for key in range(10)])


@pytest.mark.parametrize(("identity", "found"), [("3", [9]), ("x", [])])
def test_a_row_is_found_without_making_others(identity: str, found: list[int]) -> None:
    made = Made()
    assert list(made.rows.find(identity)) == found
    assert len(made.keys) == len(found)


def test_rows_whose_identities_tell_nothing_are_all_candidates() -> None:
    rows = LazyRows([1, 2], lambda key: key)
    assert list(rows.find("1")) == [1, 2]


class Addresses(InProcess):
    """An agent whose address table is made lazily; keeps which rows it made."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[str] = []
        keys = [f"M{number}" for number in range(1200)]
        self.router.addresses = lambda: LazyRows(  # type: ignore[method-assign]
            keys, self.row, lambda key: key if key in keys else None
        )

    def row(self, key: str) -> AddressFacts:
        self.made.append(key)
        return AddressFacts(key, "closest")


LONG = load_schema().long_name("router.address")


def test_a_page_costs_what_the_page_costs() -> None:
    agent = Addresses()
    asked = {"operation": "QUERY", "type": "org.amqp.management", "name": "self", "entityType": LONG}
    answer = agent.ask({**asked, "offset": 1000, "count": 500}, {"attributeNames": ["key"]})
    assert answer.body["results"] == [[f"M{number}"] for number in range(1000, 1200)]
    assert len(agent.made) == 200


def test_one_address_is_read_without_a_look_at_the_others() -> None:
    agent = Addresses()
    assert agent.ask({"operation": "READ", "type": LONG, "identity": "M7"}, {}).body["key"] == "M7"
    assert agent.ask({"operation": "READ", "type": LONG, "identity": "M-"}, {}).status == 404
    assert agent.made == ["M7"]
