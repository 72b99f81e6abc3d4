"""Knative's autoscaling annotations as the scaler ``kpa``."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing import Source, read

AT = "autoscaling.knative.dev/"


def service(annotations, **spec):
    """A Knative Service whose revisions have these annotations."""
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    head = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "chat"}}
    return {**head, "spec": {"template": template}}


def imported(document):
    return read(document, Source("chat.yaml"))


def scaler(annotations, **spec):
    (app,) = imported(service({AT + key: value for key, value in annotations.items()}, **spec)).apps
    return app.scaler


def lost(found):
    return [str(note) for note in found.notes if note.lost]


BOUNDED = {"max-scale": "8"}


@pytest.mark.parametrize(
    ("annotations", "spec", "given"),
    [
        ({"min-scale": "2", "target": "4"}, {}, {"min_workers": 2, "concurrency": 4}),
        ({"minScale": "2", "maxScale": "9", "target": "4"}, {}, {"min_workers": 2, "max_workers": 9, "concurrency": 4}),
        ({}, {}, {"concurrency": 100}),
        ({}, {"containerConcurrency": 4}, {"concurrency": 4}),
        ({"target": "9"}, {"containerConcurrency": 4}, {"concurrency": 4}),
        ({"target": "2.5"}, {"containerConcurrency": 4}, {"concurrency": 2.5}),
        ({"target-utilization-percentage": "80"}, {}, {"concurrency": 100, "target_utilization": 0.8}),
        ({"window": "1m30s"}, {}, {"concurrency": 100, "stable_window": 90}),
        (
            {"panic-window-percentage": "20", "panic-threshold-percentage": "150.0", "activation-scale": "3"},
            {},
            {
                "concurrency": 100,
                "panic_window_percentage": 20,
                "panic_threshold_percentage": 150,
                "activation_scale": 3,
            },
        ),
        ({"scale-to-zero-pod-retention-period": "5m"}, {}, {"concurrency": 100, "scale_to_zero_grace_period": 300}),
        ({"scale-to-zero-pod-retention-period": "5s"}, {}, {"concurrency": 100, "scale_to_zero_grace_period": 30}),
    ],
)
def test_each_annotation_has_its_argument(annotations, spec, given):
    """With either of its names; what isn't given is the scaler's default, which is Knative's."""
    has_most = "maxScale" in annotations
    made = scaler(annotations if has_most else {**BOUNDED, **annotations}, **spec)

    assert "kpa" == made["name"]
    assert {"min_workers": 0, "max_workers": 8, **given} == made["arguments"]


def test_the_delay_of_the_way_down_is_a_wrapper():
    """With a scale-down-delay, the wrapper that stabilises stands round it."""
    made = scaler({**BOUNDED, "scale-down-delay": "15m"})

    assert ("stabilize", 900, "kpa") == (
        made["name"],
        made["arguments"]["down_window"],
        made["arguments"]["scaler"]["name"],
    )
    assert "kpa" == scaler({**BOUNDED, "scale-down-delay": "0s"})["name"]


def test_the_other_class_is_another_scaler():
    """A Service of the class of HorizontalPodAutoscalers is one."""
    (app,) = imported(service({AT + "class": "hpa.autoscaling.knative.dev", AT + "target": "70"})).apps

    assert ("hpa", "everai-autoscaler-hpa") == (app.scaler["name"], app.distribution)
    assert (0.7, "utilization") == (app.scaler["arguments"]["target"], app.scaler["arguments"]["target_type"])


def test_the_other_class_measures_use_only():
    """Of a target that isn't one of the processor it is said that it is lost; Knative's default counts."""
    at = {f"{AT}class": "hpa.autoscaling.knative.dev", f"{AT}metric": "memory", f"{AT}target": "75"}
    found = imported(service(at))

    assert 0.8 == found.apps[0].scaler["arguments"]["target"]
    assert [
        "the share of the workers' capacity in use counts instead",
        "it is one of memory",
    ] == [one.partition("lent: ")[2] for one in lost(found)]


def test_annotations_of_others_are_not_read():
    """Only those with Knative's prefix count, whatever the rest of the name is."""
    found = imported(service({"target": "9", "example.com/window": "9s", f"{AT}target": "4", f"{AT}max-scale": "8"}))

    assert 4 == found.apps[0].scaler["arguments"]["concurrency"]
    assert 2 == len(lost(found))


def test_a_class_that_is_not_known_is_told():
    """It is read as Knative's own, and a line says so."""
    found = imported(service({f"{AT}class": "own.example.com", f"{AT}target": "4", f"{AT}max-scale": "8"}))

    assert "kpa" == found.apps[0].scaler["name"]
    assert ["it is read as if it were of Knative's own autoscaler"] == [
        one.partition("lent: ")[2] for one in lost(found)
    ]


def test_another_metric_is_told():
    """Requests per second aren't measured: neither the metric nor its target is taken."""
    found = imported(service({f"{AT}metric": "rps", f"{AT}target": "150", f"{AT}max-scale": "8"}))

    assert 100 == found.apps[0].scaler["arguments"]["concurrency"]
    assert [
        f"spec.template.metadata.annotations.{AT}metric: has no equivalent: requests at once are counted instead",
        f"spec.template.metadata.annotations.{AT}target: has no equivalent: it is one of rps",
    ] == lost(found)


def test_what_has_no_equivalent_is_told():
    """Each annotation and each part of the Service that isn't read has a line."""
    document = service(
        {f"{AT}initial-scale": "2", f"{AT}targetBurstCapacity": "-1", "example.com/own": "x", f"{AT}max-scale": "0"},
        containers=[{"image": "x"}],
        timeoutSeconds=300,
    )
    document["spec"]["traffic"] = []

    found = imported(document)

    inside = "spec.template.metadata.annotations."
    assert {
        f"{inside}{AT}initial-scale",
        f"{inside}{AT}targetBurstCapacity",
        f"{inside}example.com/own",
        "spec.template.spec.containers",
        "spec.template.spec.timeoutSeconds",
        "spec.traffic",
    } == {note.path for note in found.notes if note.lost}
    assert f"{inside}{AT}max-scale" in {note.path for note in found.notes if not note.lost}


@pytest.mark.parametrize(
    "document",
    [
        {AT + "target": "4", AT + "max-scale": "8"},
        {"annotations": {AT + "target": "4", AT + "max-scale": "8"}},
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Revision",
            "metadata": {"name": "app", "annotations": {AT + "target": "4", AT + "max-scale": "8"}},
        },
    ],
)
def test_annotations_alone_and_revisions_are_read_too(document):
    """Annotations stand in the template of a Service, in a Revision itself, or by themselves."""
    found = imported(document)

    assert ("app", 4, []) == (found.apps[0].name, found.apps[0].scaler["arguments"]["concurrency"], lost(found))


def test_what_cannot_be_read_is_one_line():
    """It says where it stands, and what is accepted."""
    with pytest.raises(ContractError, match=r'window: "60" is not a duration such as 90s or 1m30s'):
        imported(service({AT + "window": "60"}))
