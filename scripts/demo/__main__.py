"""The steps of the demo, and what each proved."""

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from demo import PATIENCE, DemoError
from demo.certificates import make_certificates
from demo.configs import HOST, Ports
from demo.messages import send_messages
from demo.processes import free_ports, network, refuse_if_running

DIRECTORY = Path(__file__).resolve().parents[2] / ".demo"
WWW = DIRECTORY / "www"
PROGRAMS = Path(sys.executable).parent
FILE_SIZE = 100_000_000
MESSAGES = 10_000


def main() -> int:
    """Exit status 0 if every step showed what it should."""
    keep = os.environ.get("KEEP", "") not in {"", "0"}
    try:
        refuse_if_running(DIRECTORY)
        prepare()
        ports = Ports(*free_ports(5))
        print("Starting an HTTP server and the routers west and east, joined by mutual TLS")
        with network(DIRECTORY, ports, keep=keep) as pids:
            proved = demonstrate(ports)
    except (DemoError, OSError, subprocess.SubprocessError) as error:
        print(f"demo: {error}\ndemo: logs are in {DIRECTORY}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("demo: interrupted; everything it started has ended", file=sys.stderr)
        return 130
    print("\nProved:", *proved, sep="\n  * ")
    if keep:
        print(how_to_play(ports, pids))
    return 0


def prepare() -> None:
    """A fresh directory with certificates, a page and a big file."""
    print(f"Making a CA, certificates and a file of {FILE_SIZE // 10**6} MB in {DIRECTORY.name}/")
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    WWW.mkdir(parents=True)
    DIRECTORY.chmod(0o700)
    make_certificates(DIRECTORY, ("west", "east"))
    (WWW / "index.html").write_text("<h1>Served behind the other router</h1>\n")
    (WWW / "big").write_bytes(secrets.token_bytes(FILE_SIZE))


def demonstrate(ports: Ports) -> list[str]:
    """All that is shown, in order; what each step proved."""
    return [
        "two routers found each other over TLS, each with a certificate of the demo's own CA",
        show_page(ports),
        show_file(ports),
        show_messages(ports),
        show_management(ports),
    ]


def show_page(ports: Ports) -> str:
    page = fetch(ports, "")
    if page != (WWW / "index.html").read_bytes():
        raise DemoError(f"the page came back different: {page[:200]!r}")
    print(f"Fetched a page: {page.decode().strip()}")
    return "a page came through a tcpListener on west and a tcpConnector on east"


def show_file(ports: Ports) -> str:
    begin = time.monotonic()
    data = fetch(ports, "big")
    rate = len(data) / (time.monotonic() - begin) / 1e6
    if hashlib.sha256(data).digest() != hashlib.sha256((WWW / "big").read_bytes()).digest():
        raise DemoError(f"the file came back different ({len(data)} bytes of {FILE_SIZE})")
    print(f"Fetched {FILE_SIZE // 10**6} MB at {rate:.0f} MB/s")
    return f"{FILE_SIZE // 10**6} MB came the same way at {rate:.0f} MB/s, with the right checksum"


def show_messages(ports: Ports) -> str:
    begin = time.monotonic()
    send_messages(ports, MESSAGES)
    rate = MESSAGES / (time.monotonic() - begin)
    print(f"Sent {MESSAGES} AMQP messages from west to east")
    return (
        f"{MESSAGES} AMQP messages went from west to east, each once, in order and accepted, "
        f"{rate:.0f} a second (the limit is the client, proton in Python)"
    )


def show_management(ports: Ports) -> str:
    for router, port in (("west", ports.west), ("east", ports.east)):
        for option in ("-n", "-a"):
            print(f"\n{router}$ skstat -b {HOST}:{port} {option}", flush=True)
            command = (PROGRAMS / "skstat", "-b", f"{HOST}:{port}", option)
            subprocess.run(command, check=True, timeout=PATIENCE)
    return "both routers answered skstat: they know each other and each other's addresses"


def fetch(ports: Ports, name: str) -> bytes:
    """One file of the server, through both routers."""
    with urllib.request.urlopen(f"http://{HOST}:{ports.service}/{name}", timeout=PATIENCE) as response:
        data: bytes = response.read()
    return data


def how_to_play(ports: Ports, pids: list[int]) -> str:
    return f"""
Still running. Try
  curl http://{HOST}:{ports.service}/
  .venv/bin/skstat -b {HOST}:{ports.west} -c
  .venv/bin/skmanage -b {HOST}:{ports.east} query --type router.address
  tail -f .demo/west.log .demo/east.log
  kill {pids[-1]}; .venv/bin/skrouterd -c .demo/east.conf     (east leaves the mesh and comes back)
End it with
  kill {" ".join(map(str, pids))}"""


if __name__ == "__main__":
    sys.exit(main())
