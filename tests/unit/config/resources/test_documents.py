"""Documents are read as they were written, and everything that is wrong with them is told at once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from skrouter.config.resources.common import CustomResource, Metadata, Resource
from skrouter.config.resources.core import ConfigMap, Secret
from skrouter.config.resources.documents import Loaded, dump, load, to_document
from skrouter.config.resources.link import Link
from skrouter.config.resources.listener import Listener, ListenerSpec
from skrouter.config.resources.problems import ResourceError
from skrouter.config.resources.site import Site
from skrouter_testing.resource_shapes import resources

LISTENER = """
apiVersion: skupper.io/v2alpha1
kind: Listener
metadata: {name: backend}
spec: {routingKey: backend, host: 0.0.0.0, port: 8080}
"""


def only(loaded: Loaded) -> Resource:
    assert loaded.problems == ()
    (resource,) = loaded.resources
    return resource


def texts(loaded: Loaded) -> list[str]:
    return [str(problem) for problem in loaded.problems]


def without_zeros(resource: CustomResource) -> dict[str, object]:
    """What a document can state: what is empty is left out, a default takes its place."""
    return to_document(resource)


@given(resources())
@settings(max_examples=60, deadline=None)
def test_what_was_written_is_read_as_the_same(resource: CustomResource) -> None:
    loaded = load(dump([resource]))
    assert loaded.problems == () and loaded.warnings == ()
    assert without_zeros(loaded.resources[0]) == without_zeros(resource)  # type: ignore[arg-type]


def test_a_false_that_is_not_the_default_is_written() -> None:
    spec = {"auth": {"strategy": "openshift", "openshift": {"createCookieSecret": False}}}
    text = json.dumps(
        {
            "apiVersion": "observability.skupper.io/v2alpha1",
            "kind": "NetworkObserver",
            "metadata": {"name": "console"},
            "spec": spec,
        }
    )
    assert to_document(only(load(dump(load(text).resources))))["spec"] == spec


@given(resources())
@settings(max_examples=60, deadline=None)
def test_json_is_read_like_yaml(resource: CustomResource) -> None:
    assert load(json.dumps(to_document(resource))) == load(dump([resource]))


def test_listener_has_its_values_and_the_defaults_of_the_rest() -> None:
    listener = only(load(LISTENER))
    assert listener == Listener(
        Metadata(name="backend"), ListenerSpec(routing_key="backend", host="0.0.0.0", port=8080)
    )
    assert listener.spec.observer == "auto" and listener.spec.type == "tcp"


def test_documents_of_one_text_come_in_order_and_empty_ones_do_not_count() -> None:
    loaded = load(f"---\n{LISTENER}\n---\n---\n{LISTENER.replace('name: backend', 'name: other')}")
    assert [one.name for one in loaded.resources] == ["backend", "other"]


def test_port_of_an_endpoint_may_be_written_as_number() -> None:
    text = """
apiVersion: skupper.io/v2alpha1
kind: Link
metadata: {name: west}
spec: {endpoints: [{name: inter-router, host: west.example, port: 55671}]}
"""
    link = only(load(text))
    assert isinstance(link, Link) and link.spec.endpoints[0].port == "55671" and link.spec.cost == 1


def test_all_mistakes_of_all_documents_are_told_with_their_place() -> None:
    text = """
apiVersion: skupper.io/v2alpha1
kind: Listener
metadata: {name: Backend}
spec: {host: "a b", port: 99999, observer: http3, exposePodsByName: "yes"}
---
apiVersion: skupper.io/v2alpha1
kind: Site
spec: {linkAccess: true, settings: {size: 1}}
"""
    backend, site = "net.yaml: document 1: Listener/Backend: ", "net.yaml: document 2: Site: "
    name = "lower case letters, digits, '-' and '.', with a letter or digit at both ends of each part"
    assert texts(load(text, "net.yaml")) == [
        f"{backend}metadata.name: 'Backend' is not allowed; it must be {name}; choose a name as my-service",
        f"{backend}spec.routingKey: is missing; it must be some text; add it",
        f"{backend}spec.host: 'a b' is not allowed; it must be a host name or an IP address;"
        " give one as db.example.com or 10.0.0.5",
        f"{backend}spec.port: 99999 is not allowed; it must be a port number from 1 to 65535;"
        " give the number of the port",
        f"{backend}spec.observer: 'http3' is not allowed; it must be one of: auto, none, http1, http2;"
        " choose auto",
        f"{backend}spec.exposePodsByName: 'yes' is text, not a boolean; give true or false without quotes",
        f"{site}metadata.name: is missing; it must be {name}; add it",
        f'{site}spec.linkAccess: true is a boolean, not text; write it in quotes: "true"',
        f'{site}spec.settings[size]: 1 is a number, not text; write it in quotes: "1"',
    ]


def test_unknown_field_has_no_effect_and_is_warned_of() -> None:
    loaded = load(LISTENER.replace("port: 8080", "port: 8080, tlsCredential: x"), "a.yaml")
    assert loaded.problems == ()
    assert [str(one.place) for one in loaded.warnings] == [
        "a.yaml: document 1: Listener/backend: spec.tlsCredential"
    ]


@pytest.mark.parametrize(
    "head",
    ["apiVersion: v1\nkind: Pod", "apiVersion: skupper.io/v1\nkind: Site", "apiVersion: v1\nkind: [a]"],
)
def test_document_that_is_none_of_ours_is_ignored_with_a_warning(head: str) -> None:
    loaded = load(f"{head}\nmetadata: {{name: x}}")
    assert loaded.resources == () and loaded.problems == ()
    assert "invalid resource ignored" in str(loaded.warnings[0])


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [", "document 1: is not YAML"),
        ("kind: Site\nkind: Link", "the key 'kind' is given twice (line 2, column 1)"),
        ("- 1", "is not a map"),
        ("!!python/object/apply:os.system [x]", "is not YAML"),
        ("[" * 5000, "is not YAML"),
        ("kind: List\nitems: []", "is a List"),
        ("x" * (4 << 20) + "x", "has 4194305 octets; allowed are 4194304"),
    ],
)
def test_text_that_is_no_document_is_one_problem(text: str, told: str) -> None:
    loaded = load(text)
    assert loaded.resources == () and len(loaded.problems) == 1
    assert told in str(loaded.problems[0])


def test_documents_before_broken_text_are_kept() -> None:
    loaded = load(f"{LISTENER}---\nkind: [", "a.yaml")
    assert [one.name for one in loaded.resources] == ["backend"]
    assert loaded.problems[0].place.document == 2


def test_time_stays_text() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {when: '2026-01-01T00:00:00Z'}"
    assert only(load(text.replace("'", ""))) == only(load(text))


def test_secret_is_read_from_base64_and_plain_text_and_written_as_base64() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ntype: t\ndata: {a: YWJj}\nstringData: {b: x}"
    secret = only(load(text))
    assert isinstance(secret, Secret)
    assert secret.data == {"a": b"abc", "b": b"x"}
    assert only(load(dump([secret]))) == secret


def test_content_of_a_secret_is_in_no_text_about_it() -> None:
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {a: not-base64!, b: c2VjcmV0}"
    loaded = load(text)
    assert "is not base64" in str(loaded.problems[0]) and "not-base64" not in str(loaded.problems[0])
    assert "secret" not in repr(loaded.resources[0]).replace("Secret", "")


def test_config_map_is_read() -> None:
    found = only(load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}"))
    assert isinstance(found, ConfigMap) and found.data == {"a": "b"}


def test_namespace_is_replaced_where_asked() -> None:
    assert load(LISTENER, namespace="east").resources[0].metadata.namespace == "east"


def test_pem_is_written_as_a_block() -> None:
    text = dump([ConfigMap(Metadata(name="c"), {"ca.crt": "-----BEGIN\nabc\n-----END\n"})])
    assert "ca.crt: |\n" in text


def test_problems_are_raised_together() -> None:
    loaded = load("kind: [") + load("- 1")
    with pytest.raises(ResourceError) as caught:
        loaded.good()
    assert len(caught.value.problems) == 2 and str(caught.value).count("\n") == 1


def test_older_spelling_of_a_setting_counts() -> None:
    text = """
apiVersion: skupper.io/v2alpha1
kind: Site
metadata: {name: a}
spec: {settings: {routerLogging: info}}
"""
    site = only(load(text))
    assert isinstance(site, Site) and site.spec.setting("router-logging") == "info"
