"""Fuzz the decoders of control messages and the management agent: `decoders.py [--cases N] [--seed S] …`.

Every case is made from its number, so `--first` and `--cases 1` repeat the one that failed. Ends with status
1 at the first case on which a decoder lets an undocumented exception out, or its two readings differ.
"""

import argparse
import sys
import time
import traceback
from random import Random

from skrouter_testing.decoder_fuzz import CAMPAIGNS

CASES = 100_000
FEWER = {"agent": 10_000}
"""Campaigns whose cases are whole lives of entities."""


def run(name: str, seed: int, first: int, cases: int) -> bool:
    """Whether the decoder stood all cases; prints one line, or the case that it did not stand."""
    campaign, started = CAMPAIGNS[name], time.monotonic()
    for number in range(first, first + cases):
        octets = campaign.case(Random(f"{seed}/{name}/{number}"))
        try:
            campaign.judge(octets)
        except Exception:
            traceback.print_exc()
            sys.stderr.write(f"{name}: case {number} of seed {seed}: {octets.hex()}\n")
            return False
    sys.stdout.write(f"{name}: {cases} cases, seed {seed}: stood in {time.monotonic() - started:.0f} s\n")
    sys.stdout.flush()
    return True


def main() -> int:
    """0 if every decoder stood its cases."""
    parser = argparse.ArgumentParser(description="Fuzz the decoders of messages and the management agent.")
    parser.add_argument("--cases", type=int, help=f"for each decoder (default {CASES}; {FEWER})")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other cases (default 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default 0)")
    parser.add_argument("--only", nargs="+", choices=list(CAMPAIGNS), default=list(CAMPAIGNS))
    options = parser.parse_args()
    stood = [
        run(name, options.seed, options.first, options.cases or FEWER.get(name, CASES))
        for name in options.only
    ]
    return 0 if all(stood) else 1


if __name__ == "__main__":
    sys.exit(main())
