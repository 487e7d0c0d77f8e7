"""SCRAM and GSSAPI: octets go to Cyrus and back. What Cyrus answers is an input of the machines.

The one who carries out RelayStart and RelayStep answers each with exactly one of the values here.
"""

from dataclasses import dataclass
from typing import Final

SCRAM_BY_STRENGTH: Final = ("SCRAM-SHA-512", "SCRAM-SHA-384", "SCRAM-SHA-256", "SCRAM-SHA-224", "SCRAM-SHA-1")
"""Preference of the client side. The -PLUS forms bind to a TLS channel, which Cyrus is not told here."""

GSSAPI: Final = "GSSAPI"


@dataclass(frozen=True, slots=True)
class RelayContinued:
    """Send `data`, then more is expected of the peer; None: nothing to send with it (client start only)."""

    data: bytes | None


@dataclass(frozen=True, slots=True)
class RelaySucceeded:
    """Satisfied. Server: `user` is the peer, `data` goes with the outcome. Client: last reply."""

    user: str | None = None
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class RelayFailed:
    """Cyrus refuses; `detail` is its reason, for the log."""

    detail: str = ""


RelayAnswer = RelayContinued | RelaySucceeded | RelayFailed
