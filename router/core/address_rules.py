"""The configured treatments of mobile addresses: which rule an address follows. Rules come and go.

A change counts for addresses to come: one that is known keeps the treatment it began with. Holding addresses
belongs to address_table.
"""

from __future__ import annotations

from collections.abc import Iterable

from skrouter.config.model import AddressConfig
from skrouter.config.patterns import PatternTable
from skrouter.router.core.address_table import AddressRule
from skrouter.router.core.effects import Treatment


class AddressRules:
    """The rules of a router; `match` is what its core asks."""

    def __init__(self, configs: Iterable[AddressConfig] = ()) -> None:
        self._table: PatternTable[AddressRule] = PatternTable()
        for config in configs:
            self.add(config)

    def add(self, config: AddressConfig) -> None:
        """Add a rule; ValueError if there is one for the same pattern."""
        treatment = Treatment[config.distribution.upper()]
        self._table.add(
            config.pattern, AddressRule(treatment, -1 if config.priority is None else config.priority)
        )

    def refuse(self, pattern: str) -> None:
        """Nobody may attach to these addresses; ValueError if there is a rule for the same pattern."""
        self._table.add(pattern, AddressRule(Treatment.UNAVAILABLE))

    def remove(self, config: AddressConfig) -> None:
        """Remove the rule of this pattern; KeyError if there is none."""
        self._table.remove(config.pattern)

    def match(self, address: str) -> AddressRule | None:
        """The rule for an address text, None if none names it."""
        return self._table.match(address)
