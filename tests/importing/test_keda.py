"""KEDA's ScaledObjects as the scaler ``keda``."""

from __future__ import annotations

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing import Source, read


def imported(*triggers, **spec):
    """What a ScaledObject with these triggers comes to."""
    document = {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": "so"},
        "spec": {"scaleTargetRef": {"name": "chat"}, "triggers": list(triggers), **spec},
    }
    return read(document, Source("so.yaml"))


def trigger(kind, **metadata):
    return {"type": kind, "metadata": metadata}


QUEUE = trigger("aws-sqs-queue", queueLength="7")


def arguments(*triggers, **spec):
    return imported(*triggers, **spec).apps[0].scaler["arguments"]


def test_the_bounds_and_the_cooldown_are_kedas():
    """From none to 100 without any; the cooldown where it is given."""
    assert {"target": 7, "min_workers": 0, "max_workers": 100} == arguments(QUEUE)
    assert {"target": 7, "min_workers": 1, "max_workers": 5, "cooldown": 60} == arguments(
        QUEUE, minReplicaCount=1, maxReplicaCount=5, cooldownPeriod=60
    )


def test_the_app_is_what_is_scaled():
    """It has the name of the Deployment."""
    (app,) = imported(QUEUE).apps

    assert ("ScaledObject", "chat", "keda", "everai-autoscaler-hpa") == (
        app.kind,
        app.name,
        app.scaler["name"],
        app.distribution,
    )


@pytest.mark.parametrize(
    ("one", "given"),
    [
        (trigger("rabbitmq", mode="QueueLength", value="20", activationValue="3"), {"target": 20, "activation": 3}),
        (trigger("rabbitmq", queueLength="20"), {"target": 20}),
        (trigger("kafka", lagThreshold="50", activationLagThreshold="9"), {"target": 50, "activation": 9}),
        (trigger("kafka"), {"target": 10}),
        (trigger("redis", listLength="2"), {"target": 2}),
        ({**QUEUE, "metricType": "Value"}, {"target": 7, "target_type": "value"}),
        (trigger("cpu", value="60"), {"target": 0.6, "target_type": "utilization"}),
        (trigger("prometheus", query="sum(vllm:num_requests_waiting)", threshold="4"), {"target": 4}),
        (
            trigger("prometheus", query="rate(tokens)", threshold="4", activationThreshold="1"),
            {"target": 4, "activation": 1, "metric": "prometheus"},
        ),
        ({**trigger("metrics-api", targetValue="4"), "name": "lag"}, {"target": 4, "metric": "lag"}),
    ],
)
def test_each_kind_of_trigger_states_its_target(one, given):
    """A queue is counted as requests; any other metric is a signal, unless its name or query counts requests."""
    made = arguments(one)

    assert given == {key: made[key] for key in made if not key.endswith("_workers")}


def test_the_behavior_of_its_autoscaler_counts():
    """What stands under ``advanced`` becomes what it becomes in a HorizontalPodAutoscaler."""
    behavior = {"scaleDown": {"stabilizationWindowSeconds": 60}}
    made = imported(QUEUE, advanced={"horizontalPodAutoscalerConfig": {"behavior": behavior, "name": "own"}})

    assert 60 == made.apps[0].scaler["arguments"]["down_window"]
    assert "spec.advanced.horizontalPodAutoscalerConfig.name" in {note.path for note in made.notes if note.lost}


def test_the_first_trigger_with_an_equivalent_decides():
    """The others are told of, each with the reason."""
    made = imported(
        trigger("cron", start="*/9 8 * * *", end="0 18 * * *", desiredReplicas="3"),
        trigger("memory", type="AverageValue", value="1Gi"),
        trigger("rabbitmq", mode="MessageRate", value="5"),
        trigger("own-scaler"),
        QUEUE,
        trigger("redis"),
    )

    assert 7 == made.apps[0].scaler["arguments"]["target"]
    assert [
        "spec.triggers[1]: has no equivalent: only the share of the workers' capacity in use is measured here",
        "spec.triggers[2]: has no equivalent: a rate isn't measured here",
        "spec.triggers[3]: has no equivalent: a trigger of type own-scaler isn't known here",
        "spec.triggers[5]: has no equivalent: one trigger decides here, the first that has an equivalent",
    ] == [str(note) for note in made.notes if note.lost][1:]
    assert str(made.notes[0]).startswith("spec.triggers[0]: has no equivalent: a window begins and ends at one time of")


def test_a_trigger_of_cron_is_a_window():
    """The wrapper of bounds by the clock stands round the scaler; the largest minimum counts, as in KEDA."""
    day = trigger("cron", timezone="Europe/Berlin", start="0 8 * * 1-5", end="30 18 * * 1-5", desiredReplicas="4")
    night = trigger("cron", start="0 22 * * *", end="0 6 * * *", desiredReplicas="2")
    made = imported(day, QUEUE, night)

    scaler = made.apps[0].scaler
    assert ("schedule", "keda") == (scaler["name"], scaler["arguments"]["scaler"]["name"])
    assert "mon-fri 08:00-18:30 Europe/Berlin min 4; 22:00-06:00 min 2" == scaler["arguments"]["windows"]
    assert (["schedule", "keda"], []) == (made.apps[0].names, [note for note in made.notes if note.lost])


def test_what_a_signal_is_asked_for_with_is_told():
    """Its sender has to ask, so that the query and the server have a line each."""
    made = imported(trigger("prometheus", serverAddress="http://p", query="rate(tokens)", threshold="4"))

    assert {
        "spec.triggers[0].metadata.serverAddress: has no equivalent: whoever sends the signal asks for it",
        "spec.triggers[0].metadata.query: has no equivalent: whoever sends the signal asks for it",
    } == {str(note) for note in made.notes if note.lost}


def test_what_it_has_of_its_own_is_told():
    """Each of KEDA's settings that nothing stands for has a line."""
    lost = ("pollingInterval", "fallback", "idleReplicaCount", "initialCooldownPeriod")
    made = imported(
        {**trigger("redis", listName="jobs"), "authenticationRef": {"name": "a"}},
        **dict.fromkeys(lost, 1),
        advanced={"restoreToOriginalReplicaCount": True, "scalingModifiers": {"formula": "a"}},
    )

    assert {
        *(f"spec.{one}" for one in lost),
        "spec.advanced.restoreToOriginalReplicaCount",
        "spec.advanced.scalingModifiers",
        "spec.triggers[0].metadata.listName",
        "spec.triggers[0].authenticationRef",
    } == {note.path for note in made.notes if note.lost}


@pytest.mark.parametrize(
    ("triggers", "why"),
    [
        ([], "so.yaml: spec.triggers: none of them has an equivalent"),
        ([trigger("cron")], "so.yaml: spec.triggers: none of them has an equivalent, beside windows of cron"),
        ([trigger("rabbitmq")], "so.yaml: spec.triggers[0].metadata.value: is missing, or not above 0"),
        ([trigger("redis", listLength="0")], "spec.triggers[0].metadata.listLength: is missing, or not above 0"),
    ],
)
def test_what_cannot_be_read_is_one_line(triggers, why):
    """It says where it stands, and what is wrong."""
    with pytest.raises(ContractError) as refused:
        imported(*triggers)

    assert why in str(refused.value)
