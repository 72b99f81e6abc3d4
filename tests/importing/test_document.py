"""Which kind a document is, and that nothing of it is left out in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing import Source, read

HPA = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "spec": {"maxReplicas": 3}}
KNATIVE = {"autoscaling.knative.dev/max-scale": "3"}
RAY = {"deployments": [{"num_replicas": "auto"}]}


@pytest.mark.parametrize(
    ("document", "kind"),
    [(HPA, "HorizontalPodAutoscaler"), (KNATIVE, "annotations"), (RAY, "Ray Serve deployment")],
)
def test_a_document_says_what_it_is(document, kind):
    """By its kind and API, or by what is in it."""
    assert [kind] == [app.kind for app in read(document, Source("a.yaml")).apps]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"kind": "Deployment"}, "Deployment: left out, since it is not a HorizontalPodAutoscaler, a ScaledObject"),
        ({"kind": "Service", "apiVersion": "v1"}, "Service: left out"),
        ({"kind": "ScaledJob", "apiVersion": "keda.sh/v1alpha1"}, "ScaledJob: left out"),
        ({"a": 1}, "a mapping that says no kind: left out"),
    ],
)
def test_any_other_document_is_left_out_with_a_line(document, said):
    """It is named, with what could be read."""
    found = read(document, Source("a.yaml", {(): 7}))

    assert ([], 1, 7, True) == (found.apps, len(found.notes), found.notes[0].line, found.notes[0].lost)
    assert said in str(found.notes[0])


def test_a_list_is_read_item_by_item():
    """As ``kubectl get -o yaml`` prints several."""
    found = read({"kind": "List", "apiVersion": "v1", "items": [HPA, {"kind": "Pod"}, KNATIVE]}, Source("a.yaml"))

    assert ["HorizontalPodAutoscaler", "annotations"] == [app.kind for app in found.apps]
    assert "Pod: left out" in " ".join(map(str, found.notes))


def test_the_kind_that_is_asked_for_is_the_only_one():
    """Documents of another kind are left out; one that doesn't say what it is, is taken for it."""
    assert [] == read(HPA, Source("a.yaml"), kind="keda").apps
    assert "left out, since it is not of the kind keda" in str(read(HPA, Source("a.yaml"), kind="keda").notes[0])
    assert 1 == len(
        read({"spec": {"containerConcurrency": 4}, "annotations": {}}, Source("a.yaml"), kind="knative").apps
    )


def test_what_is_no_mapping_is_refused():
    """A document is a mapping."""
    with pytest.raises(ContractError, match=r"a\.yaml: 7 is not a mapping"):
        read(7, Source("a.yaml"))


NAMES = st.text("abcdefghijklmnop", min_size=4, max_size=8).map("own_{}".format)


@given(extra=st.dictionaries(NAMES, st.integers(1, 5), min_size=1, max_size=4))
def test_every_key_that_is_not_read_is_told(extra):
    """Whatever else stands in a document has a line of its own."""
    found = read({**HPA, "spec": {**HPA["spec"], **extra}}, Source("a.yaml"))

    assert {f"spec.{name}" for name in extra} == {note.path for note in found.notes if note.lost}


def test_the_manifest_is_an_app():
    """With the form that the platform knows."""
    (app,) = read(KNATIVE, Source("a.yaml")).apps

    assert {
        "version": "everai/v1alpha1",
        "kind": "App",
        "metadata": {"name": "app"},
        "spec": {"autoscaler": {"scheduler": "queue", "builtin": app.scaler}},
    } == app.manifest()
    assert ["kpa"] == app.names
