"""HorizontalPodAutoscalers as the scaler ``hpa``."""

from __future__ import annotations

import pytest

from everai_autoscaler.cli.text.yaml_text import yaml_with_lines
from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing import Source, read

HEAD = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: chat}
  maxReplicas: 9
"""


def imported(text):
    """What the one document in *text* comes to."""
    ((document, lines),) = yaml_with_lines(text, "hpa.yaml")
    return read(document, Source("hpa.yaml", lines))


def arguments(text):
    (app,) = imported(text).apps
    return dict(app.scaler["arguments"])


def metric(text):
    """The arguments and the notes for one metric; its bounds left out."""
    found = imported(f"{HEAD}  metrics:\n  - {text}\n")
    given = {**found.apps[0].scaler["arguments"]}
    return {key: given[key] for key in given if not key.endswith("_workers")}, [str(note) for note in found.notes]


def test_the_app_is_what_is_scaled():
    """It has the name of the Deployment, and the bounds of the autoscaler."""
    (app,) = imported(HEAD).apps

    assert ("chat", "hpa", "everai-autoscaler-hpa") == (app.name, app.scaler["name"], app.distribution)
    assert (1, 9) == (app.scaler["arguments"]["min_workers"], app.scaler["arguments"]["max_workers"])


def test_without_a_target_it_has_its_own_name():
    """Without a scaleTargetRef the name of the document is the app's; without that, any name."""
    assert "web" == imported(HEAD.replace(", name: chat", "")).apps[0].name
    assert "app" == imported(HEAD.replace(", name: chat", "").replace("{name: web}", "{}")).apps[0].name


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("{type: Pods, pods: {metric: {name: queued}, target: {averageValue: 500m}}}", {"target": 0.5}),
        ("{type: External, external: {metric: {name: queue_length}, target: {averageValue: 2}}}", {"target": 2}),
        (
            "{type: Object, object: {metric: {name: requestsInFlight}, target: {type: Value, value: 2k}}}",
            {"target": 2000, "target_type": "value"},
        ),
        (
            "{type: Pods, pods: {metric: {name: tokens_per_second}, target: {averageValue: 90}}}",
            {"target": 90, "metric": "tokens_per_second", "target_type": "worker"},
        ),
        (
            "{type: External, external: {metric: {name: kv_cache}, target: {averageValue: 1}}}",
            {"target": 1, "metric": "kv_cache"},
        ),
        (
            "{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}",
            {"target": 0.6, "target_type": "utilization"},
        ),
    ],
)
def test_each_source_of_a_metric_has_its_target_type(text, given):
    """A metric that counts requests is requests; any other is a signal, of the whole or of each worker."""
    assert given == metric(text)[0]


def test_what_stands_for_a_metric_is_told():
    """Each thing that is assumed has a line with where it stands."""
    _, counted = metric("{type: Pods, pods: {metric: {name: queued}, target: {averageValue: 1}}}")
    _, signal = metric("{type: Pods, pods: {metric: {name: kv_cache}, target: {averageValue: 1}}}")
    _, use = metric("{type: Resource, resource: {name: memory, target: {averageUtilization: 60}}}")

    place = "line 8: spec.metrics[0].pods.metric.name: "
    assert [f"{place}queued is taken to count requests: those that are served or wait stand for it"] == counted
    assert [f"{place}kv_cache is read as the signal of this name; where nobody sends it, the scaler holds"] == signal
    assert use[0].endswith("60 % of the requests that the workers can serve at once stand for 60 % of memory")


def test_the_first_metric_with_an_equivalent_decides():
    """The others are told of, each with its line."""
    text = f"""{HEAD}  metrics:
  - type: Resource
    resource: {{name: cpu, target: {{averageValue: 500m}}}}
  - type: External
    external: {{metric: {{name: queue, selector: {{}}}}, target: {{averageValue: 3}}}}
  - type: Pods
    pods: {{metric: {{name: queued}}, target: {{averageValue: 1}}}}
"""
    found = imported(text)

    assert 3 == found.apps[0].scaler["arguments"]["target"]
    assert [(8, "spec.metrics[0]", True), (12, "spec.metrics[2]", True)] == [
        (note.line, note.path, note.lost) for note in found.notes if note.path.count(".") == 1
    ]
    assert ["spec.metrics[1].external.metric.selector"] == [
        note.path for note in found.notes if note.lost and note.path.count(".") > 1
    ]


def test_without_a_metric_it_is_the_use_of_the_processor():
    """The default of 80 % is said, in version 1 as well as in version 2."""
    first = HEAD.replace("autoscaling/v2", "autoscaling/v1")

    for text in (HEAD, first):
        given = arguments(text)
        assert (0.8, "utilization") == (given["target"], given["target_type"])
    assert 0.5 == arguments(f"{first}  targetCPUUtilizationPercentage: 50\n")["target"]


def test_a_behavior_becomes_arguments():
    """Windows, tolerances, selections and policies of both directions."""
    text = f"""{HEAD}  behavior:
    scaleUp:
      stabilizationWindowSeconds: 30
      tolerance: 50m
      selectPolicy: Min
      policies:
      - {{type: Pods, value: 4, periodSeconds: 15}}
      - {{type: Percent, value: 100, periodSeconds: 60}}
    scaleDown:
      selectPolicy: Disabled
"""
    given = arguments(text)

    assert (30, 0.05, "min") == (given["up_window"], given["up_tolerance"], given["up_select"])
    assert ("4/15s, 100%/60s", "disabled") == (given["up_policies"], given["down_select"])
    assert not {"down_window", "down_tolerance", "down_policies"} & given.keys()


def test_nothing_is_left_out_in_silence():
    """Whatever isn't read is told of, wherever it stands."""
    text = HEAD.replace("{name: web}", "{name: web, labels: {a: b}}") + "  paused: true\nstatus: {currentReplicas: 3}\n"
    found = imported(text)

    assert [
        "line 3: metadata.labels: has no equivalent",
        "line 7: spec.paused: has no equivalent",
        "line 8: status: has no equivalent: it is what the cluster found, not what it was told",
    ] == [str(note) for note in found.notes if note.lost]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (HEAD.replace("  maxReplicas: 9\n", ""), "hpa.yaml: line 4: spec.maxReplicas: is missing"),
        (HEAD.replace(": 9", ": many"), 'line 6: spec.maxReplicas: "many" is not a number'),
        (HEAD.replace(": 9", ": true"), "line 6: spec.maxReplicas: true is not a number"),
        (HEAD.replace(": 9", ": 1.5"), "line 6: spec.maxReplicas: 1.5 is not a whole number of at least 0"),
        (HEAD.replace("{name: web}", "7"), "line 3: metadata: 7 is not a mapping"),
        (HEAD + "  metrics: {}\n", "line 7: spec.metrics: {} is not a list"),
        (HEAD + "  metrics: [{type: Odd}]\n", "line 7: spec.metrics[0].type: has none of pods, object"),
        (
            HEAD + "  metrics: [{pods: {metric: {}, target: {averageValue: 1}}}]\n",
            "spec.metrics[0].pods.metric.name: is missing",
        ),
        (
            HEAD + "  metrics: [{pods: {metric: {name: [a]}, target: {averageValue: 1}}}]\n",
            'spec.metrics[0].pods.metric.name: ["a"] is not text',
        ),
        (
            HEAD + "  metrics: [{pods: {metric: {name: a}, target: {averageValue: 0}}}]\n",
            "spec.metrics[0].pods.target: has neither a value nor an averageValue above 0",
        ),
        (
            HEAD + "  metrics: [{resource: {name: cpu, target: {averageValue: 1}}}]\n",
            "spec.metrics: none of them has an equivalent: only requests",
        ),
        (
            HEAD + "  behavior: {scaleUp: {selectPolicy: Most}}\n",
            "spec.behavior.scaleUp.selectPolicy: 'Most' is not one of Max, Min, Disabled",
        ),
        (
            HEAD + "  behavior: {scaleUp: {policies: [{type: Nodes, value: 1, periodSeconds: 9}]}}\n",
            "spec.behavior.scaleUp.policies[0].type: 'Nodes' is not one of Pods, Percent",
        ),
        (
            HEAD + "  behavior: {scaleUp: {policies: [{type: Pods, value: 1}]}}\n",
            "spec.behavior.scaleUp.policies[0]: has no value above 0, or no periodSeconds above 0",
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(text, why):
    """It says where it stands, what it is, and what is accepted."""
    with pytest.raises(ContractError) as refused:
        imported(text)

    assert why in str(refused.value)
