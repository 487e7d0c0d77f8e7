"""Files as users write them: samples, mistakes by the dozen, policy directories, and no file at all."""

import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from skrouter.config.errors import ConfigError
from skrouter.config.loader import load, random_router_id
from skrouter.config.model import Configuration

SAMPLES = Path(__file__).parents[3] / "config" / "samples"

TEN_MISTAKES = """\
# ten mistakes
router {
    mode: interior
    id: A|B
    bogus: 1
}

listener {
    port: 99999
    role: inter-router
    cost: 0
    sslProfile: tls
}

connector {
    idleTimeoutSeconds: soon
    this is not an attribute
}

address {
    prefix: a
    pattern: b
}

tcpListener {
    port: 8080
}

nonsense {
}
"""
LINES_OF_MISTAKES = [4, 5, 9, 11, 12, 16, 17, 22, 25, 29]


def _written(folder: Path, text: str, name: str = "a.conf") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def _error(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return caught.value


def test_every_sample_loads_without_warning() -> None:
    names = sorted(path.name for path in SAMPLES.iterdir())
    assert {"standalone.conf", "interior-a.conf", "interior-b.conf"} <= set(names)
    for name in names:
        assert load(SAMPLES / name).warnings == ()


def test_the_pairs_of_samples_fit_together() -> None:
    for accepting, dialing in (("interior-a", "interior-b"), ("tcp-client-side", "tcp-server-side")):
        [listener] = [
            one for one in load(SAMPLES / f"{accepting}.conf").listeners if one.role == "inter-router"
        ]
        [connector] = load(SAMPLES / f"{dialing}.conf").connectors
        assert connector.port == listener.port
        assert connector.role == listener.role
    [tcp_listener] = load(SAMPLES / "tcp-client-side.conf").tcp_listeners
    [tcp_connector] = load(SAMPLES / "tcp-server-side.conf").tcp_connectors
    assert tcp_listener.address == tcp_connector.address


def test_ten_mistakes_are_ten_problems_with_their_lines(tmp_path: Path) -> None:
    path = _written(tmp_path, TEN_MISTAKES)
    error = _error(path)
    assert [problem.line for problem in error.problems] == LINES_OF_MISTAKES
    assert {problem.file for problem in error.problems} == {str(path)}
    assert all(problem.remedy for problem in error.problems)
    assert str(error).startswith(f"Cannot load configuration file {path}: 10 problems\n")
    assert len(str(error).split("\n")) == 11


def test_one_mistake_is_one_line(tmp_path: Path) -> None:
    path = _written(tmp_path, "listener {\n    cost: 0\n}\n")
    assert str(_error(path)) == (
        f"Cannot load configuration file {path}: {path}:2: listener.cost: Configuration: "
        "Invalid cost 0 for listener 'listener/:amqp' with role=normal; give 1 to 2147483647"
    )


def test_a_mistake_in_the_list_form_hides_no_other_by_false_ones(tmp_path: Path) -> None:
    text = '[["listener", {"sslProfile": "later"}],\n ["sslProfile" {"name": "later"}]]'
    [problem] = _error(_written(tmp_path, text, "a.json")).problems
    assert problem.line == 2
    assert problem.text.startswith("Invalid config file syntax (line 2):")


@pytest.mark.parametrize(
    ("content", "beginning"),
    [
        (None, "Configuration file could not be opened"),
        (b"", "Configuration file was empty"),
    ],
)
def test_no_file_and_an_empty_file_are_told_apart(
    tmp_path: Path, content: bytes | None, beginning: str
) -> None:
    path = tmp_path / "a.conf"
    if content is not None:
        path.write_bytes(content)
    [problem] = _error(path).problems
    assert problem.text.startswith(beginning)
    assert str(path) in problem.text


def test_a_directory_or_an_impossible_name_is_no_configuration_file(tmp_path: Path) -> None:
    for path in (tmp_path, Path("a\0b")):
        assert _error(path).problems[0].text.startswith("Configuration file could not be opened")


def test_text_that_is_not_utf_8_is_reported_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_bytes(b"router {\n id: \xff\n}\n")
    [problem] = _error(path).problems
    assert (problem.line, problem.text) == (2, "The file is not UTF-8 text")


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("# nothing\n", "Standalone_"),
        ("router {\n}\n", "Standalone_"),
        ("router {\n mode: interior\n}\n", "Interior_"),
        ("router {\n mode: edge\n}\n", "Edge_"),
        ("router {\n mode: 1\n}\n", "Interior_"),
    ],
)
def test_a13_a_router_without_id_gets_one_from_its_mode(tmp_path: Path, text: str, beginning: str) -> None:
    path = _written(tmp_path, text)
    ids = {load(path, random=random.Random(seed)).router.id for seed in (1, 1, 2)}
    assert len(ids) == 2
    for router_id in (*ids, load(path).router.id):
        assert router_id.startswith(beginning)
        assert len(router_id) == len(beginning) + 15


@settings(deadline=None)
@given(st.integers())
def test_a13_a_random_id_is_a_valid_one(seed: int) -> None:
    assert not set("|$/ ") & set(random_router_id("edge", random.Random(seed)))


def test_entities_are_in_order_of_creation(tmp_path: Path) -> None:
    text = """
tcpConnector {\n port: 1\n address: a\n}
listener {\n}
connector {\n}
site {\n location: x\n}
address {\n prefix: x\n}
sslProfile {\n name: x\n}
policy {\n policyDir: %s\n}
vhost {\n hostname: own\n}
log {\n module: SERVER\n}
""" % (tmp_path / "policy")
    (tmp_path / "policy").mkdir()
    _written(tmp_path / "policy", '[["vhost", {"hostname": "other"}]]', "v.json")
    config = load(_written(tmp_path, text), random=random.Random(1))
    identities = [one.identity for one in config.entities if one.short_type != "log"]
    assert config.logs[0].module == "SERVER"
    assert {one.short_type for one in config.entities[:23]} == {"log"}
    assert identities == [
        config.router.identity,
        "network/0",
        "policy/None",
        "sslProfile/x",
        "router.config.address/0",
        "vhost/own",
        "site/0",
        "vhost/other",
        "connector/127.0.0.1:amqp",
        "listener/:amqp",
        "tcpConnector/127.0.0.1:1",
    ]


def test_f7_only_vhosts_of_policy_files_count_and_mistakes_name_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    folder.mkdir()
    main = _written(tmp_path, f"policy {{\n policyDir: {folder}\n}}\n")
    _written(folder, '[["vhost", {"hostname": "b"}], ["listener", {"what": 1}]]', "b.json")
    _written(folder, '[["vhost", {"hostname": "a"}]]', "a.json")
    _written(folder, "no JSON", "c.txt")
    assert [vhost.hostname for vhost in load(main).vhosts] == ["a", "b"]
    _written(folder, '[["vhost", {"hostname": "c",\n"maxConnections": "many"}]]', "c.json")
    _written(folder, "", "d.json")
    _written(folder, "[", "e.json")
    problems = _error(main).problems
    assert [(Path(one.file or "").name, one.line) for one in problems] == [
        ("c.json", 2),
        ("d.json", None),
        ("e.json", 1),
    ]


def test_a_policy_directory_that_is_not_there_is_reported(tmp_path: Path) -> None:
    [problem] = _error(_written(tmp_path, "policy {\n policyDir: /no/such/dir\n}\n")).problems
    assert (problem.line, problem.attribute) == (2, "policyDir")
    assert "No such file or directory" in problem.text


def test_warnings_are_kept_for_the_log(tmp_path: Path) -> None:
    path = _written(tmp_path, "router {\n id: A\n id: B\n vanId: x\n}\n")
    config = load(path)
    assert config.router.id == "B"
    assert [(one.line, one.file) for one in config.warnings] == [(3, str(path)), (4, str(path))]


SECTIONS = ("router", "listener", "connector", "sslProfile", "address", "autoLink", "log", "policy", "vhost")
TCP = ("tcpListener", "tcpConnector", "listenerAddress", "network", "site", "proxyProfile")
ATTRIBUTES = (
    "name",
    "host",
    "port",
    "role",
    "mode",
    "cost",
    "prefix",
    "module",
    "enable",
    "groups",
    "openProperties",
)
VALUES = ("interior", "edge", "inter-router", "0", "1", "-1", "9" * 20, "yes", "no", "ROUTER")
WORDS = st.sampled_from([*SECTIONS, *TCP, *ATTRIBUTES, *VALUES, *'{}:#[]",\\\n'])


def _loads_or_reports(path: Path) -> Configuration | None:
    try:
        return load(path)
    except ConfigError as error:
        assert error.problems
        assert str(error)
        return None


@settings(deadline=None)
@given(
    text=st.one_of(st.text(), st.lists(WORDS, max_size=40).map(" ".join)),
    name=st.sampled_from(["a.conf", "a.json"]),
)
@example(text="router {\n id: " + "x" * 100000 + "\n}", name="a.conf")
@example(text='[["router", {"mode": {"a": []}}]]', name="a.json")
@example(text='[["vhost", {"groups": {"a": {"users": 1}}}]]', name="a.json")
def test_any_text_loads_or_is_reported(
    tmp_path_factory: pytest.TempPathFactory, text: str, name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    _loads_or_reports(path)


@settings(deadline=None)
@given(st.binary())
def test_any_octets_load_or_are_reported(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "octets.conf"
    path.write_bytes(content)
    _loads_or_reports(path)
