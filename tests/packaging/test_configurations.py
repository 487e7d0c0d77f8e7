"""Every configuration that the README, the demo and the bench give to a router loads without a warning."""

import re
from pathlib import Path

import pytest
from demo import configs as demo
from load import configs as bench
from skrouter.config.loader import load
from skrouter_testing.source_tree import ROOT

PORTS = demo.Ports(5671, 5672, 5673, 5674, 5675)


def readme() -> list[str]:
    """The two indented configuration files of the README's first network."""
    blocks = re.findall(r"(?:^ {4}.*\n)+", (ROOT / "README.md").read_text(), re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in blocks if "router {" in block]


def generated(directory: Path) -> dict[str, str]:
    return {
        "demo-west": demo.west(directory, PORTS),
        "demo-east": demo.east(directory, PORTS),
        "bench-messages": bench.router("one", "standalone", bench.amqp_listener(5672)),
        "bench-tcp": bench.router("one", "interior", bench.tcp_listener(9001), bench.tcp_connector(9002)),
        "bench-A": bench.router("A", "interior", bench.tcp_listener(9001), bench.mesh_listener(5671)),
        "bench-B": bench.router("B", "interior", bench.tcp_connector(9002), bench.mesh_connector(5671)),
    }


def test_readme_shows_two_routers() -> None:
    assert len(readme()) == 2


@pytest.mark.parametrize("number", [0, 1])
def test_configuration_in_readme_loads(number: int, tmp_path: Path) -> None:
    file = tmp_path / "readme.conf"
    file.write_text(readme()[number])
    assert load(file).warnings == ()


@pytest.mark.parametrize("name", sorted(generated(Path("unused"))))
def test_generated_configuration_loads(name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{name}.conf"
    file.write_text(generated(tmp_path)[name])
    assert load(file).warnings == ()
