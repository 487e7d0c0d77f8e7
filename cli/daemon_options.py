"""The command line of skrouterd: the reference's options, and --check."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from skrouter.cli.version import VERSION

_DAEMON_HELP = "run detached, as a daemon; relative names in the configuration count from /"
DEFAULT_CONFIG = "/etc/skupper-router/skrouterd.conf"

EXAMPLES = """\
examples:
  skrouterd -c router.conf            run in the foreground, log as the file says
  skrouterd --check router.conf       look at a file, start nothing
  skrouterd -c router.conf --record mesh.jsonl
                                      also append what the mesh is told to a file, to replay a fault
  skrouterd -d -P /run/skrouterd.pid -U skrouterd -c /etc/skupper-router/skrouterd.conf
                                      run as a daemon of that user; ends when the router is ready

exit status: 0 after an orderly stop (with -d: the daemon is ready), 1 if it could not start
"""


class _Parser(argparse.ArgumentParser):
    """Wrong options end with status 1, as supervisors of the reference expect; argparse would say 2."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how it would be right."""
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(1)


def build_parser() -> argparse.ArgumentParser:
    """The options of skrouterd."""
    parser = _Parser(
        prog="skrouterd",
        description="AMQP 1.0 message router, member of an application network.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-c", "--config", metavar="PATH", default=DEFAULT_CONFIG, help="configuration file")
    parser.add_argument(
        "-I",
        "--include",
        "--include-path",
        metavar="PATH",
        help="directory in which Python looks for modules first",
    )
    parser.add_argument(
        "-d",
        "--daemon",
        action="store_true",
        help="run detached, as a daemon; relative names in the file count from /",
    )
    parser.add_argument(
        "-P",
        "--pidfile",
        type=os.path.abspath,
        metavar="FILE",
        help="daemon: write its process id to this file",
    )
    parser.add_argument("-U", "--user", metavar="NAME", help="daemon: run as this user")
    parser.add_argument(
        "-T", "--test-hooks", action="store_true", help="open addresses for tests; not for a router in use"
    )
    parser.add_argument("--check", metavar="PATH", help="validate a configuration file and exit")
    parser.add_argument(
        "--record",
        type=os.path.abspath,
        metavar="FILE",
        help="append the events of the mesh to FILE (created with mode 0600)",
    )
    parser.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="lines of the log: as in skupper-router (default), or each a JSON object",
    )
    parser.add_argument(
        "-v", "--version", action="version", version=VERSION, help="print the version and exit"
    )
    return parser


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the program for --help, --version and what is wrong."""
    parser = build_parser()
    options, extra = parser.parse_known_args(arguments)
    if extra:
        print(f"Unexpected arguments: {' '.join(extra)}", file=sys.stderr)
        parser.print_usage(sys.stderr)
        sys.exit(1)
    if not options.daemon and (options.pidfile is not None or options.user is not None):
        print("skrouterd: -P and -U have an effect with -d only", file=sys.stderr)
    return options
