"""Ray Serve's deployments as the scaler ``ray-serve``."""

from __future__ import annotations

import pytest

from everai_autoscaler.cli.text.yaml_text import yaml_with_lines
from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing import Source, read


def imported(*deployments, **application):
    """What a config with one application of these deployments comes to."""
    return read(
        {"applications": [{"name": "app", "deployments": list(deployments), **application}]}, Source("serve.yaml")
    )


def arguments(config, **deployment):
    (app,) = imported({"name": "model", "autoscaling_config": config, **deployment}).apps
    return app.scaler["arguments"]


def lost(found):
    return {note.path for note in found.notes if note.lost}


@pytest.mark.parametrize(
    ("config", "given"),
    [
        ({}, {}),
        ({"min_replicas": 0, "max_replicas": 20, "initial_replicas": 3}, {"min": 0, "max": 20, "initial_workers": 3}),
        ({"target_ongoing_requests": 5}, {"target_ongoing_requests": 5}),
        ({"target_num_ongoing_requests_per_replica": 5}, {"target_ongoing_requests": 5}),
        (
            {"upscale_delay_s": 3, "downscale_delay_s": 60.5, "downscale_to_zero_delay_s": 9, "look_back_period_s": 2},
            {"upscale_delay": 3, "downscale_delay": 60.5, "downscale_to_zero_delay": 9, "look_back": 2},
        ),
        ({"smoothing_factor": 0.5}, {"upscaling_factor": 0.5, "downscaling_factor": 0.5}),
        (
            {"smoothing_factor": 0.5, "upscale_smoothing_factor": 0.6, "upscaling_factor": 0.7},
            {"upscaling_factor": 0.7, "downscaling_factor": 0.5},
        ),
        ({"downscale_smoothing_factor": 0.4}, {"downscaling_factor": 0.4}),
        ({"aggregation_function": "MAX"}, {"aggregation": "max"}),
    ],
)
def test_each_setting_has_its_argument(config, given):
    """Of a setting that had several names, the newest wins."""
    bounds = {"min_workers": given.pop("min", 1), "max_workers": given.pop("max", 1)}

    assert {**bounds, **given} == arguments(config)


def test_auto_has_bounds_of_its_own():
    """With ``num_replicas: auto`` there may be 100, and nothing else has to be said."""
    (app,) = imported({"name": "model", "num_replicas": "auto"}).apps

    assert {"min_workers": 1, "max_workers": 100} == app.scaler["arguments"]


def test_each_deployment_that_scales_is_an_app():
    """Those that don't scale are told of; where there are several, the application's name comes first."""
    found = imported({"name": "a", "num_replicas": "auto"}, {"name": "b", "autoscaling_config": {}}, {"name": "c"})

    assert ["app-a", "app-b"] == [app.name for app in found.apps]
    assert {"applications[0].deployments[2]"} == lost(found)


def test_an_older_config_has_one_application():
    """Deployments may stand at the top."""
    found = read({"import_path": "a:b", "deployments": [{"name": "m", "autoscaling_config": {}}]}, Source("serve.yaml"))

    assert (["m"], {"import_path"}) == ([app.name for app in found.apps], lost(found))


def test_what_has_no_equivalent_is_told():
    """Whatever the config says beside, at each of its levels."""
    deployment = {
        "name": "model",
        "num_replicas": 2,
        "max_ongoing_requests": 8,
        "ray_actor_options": {"num_gpus": 1},
        "autoscaling_config": {"metrics_interval_s": 10, "policy": "own:policy"},
    }
    found = imported(deployment, import_path="a:b", route_prefix="/", runtime_env={"pip": []}, own=1)

    inside = "applications[0].deployments[0]"
    assert {
        *(f"applications[0].{one}" for one in ("import_path", "route_prefix", "runtime_env", "own")),
        f"{inside}.num_replicas",
        f"{inside}.ray_actor_options",
        f"{inside}.autoscaling_config.metrics_interval_s",
        f"{inside}.autoscaling_config.policy",
    } == lost(found)
    assert [f"{inside}.max_ongoing_requests"] == [note.path for note in found.notes if not note.lost]


SERVICE = """\
apiVersion: ray.io/v1
kind: RayService
metadata: {name: rs}
spec:
  serveConfigV2: |
    applications:
      - name: app
        route_prefix: /
        deployments:
          - {name: model, autoscaling_config: {max_replicas: 4}}
  rayClusterConfig: {}
"""


def test_a_ray_service_holds_a_config_as_text():
    """Its lines are those of the file."""
    ((document, lines),) = yaml_with_lines(SERVICE, "rs.yaml")
    found = read(document, Source("rs.yaml", lines, parse=lambda text: yaml_with_lines(text, "rs.yaml")[0]))

    assert 4 == found.apps[0].scaler["arguments"]["max_workers"]
    assert [
        (8, "spec.serveConfigV2.applications[0].route_prefix"),
        (11, "spec.rayClusterConfig"),
    ] == [(note.line, note.path) for note in found.notes if note.lost]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"applications": []}, "serve.yaml: none of its deployments has an autoscaling_config"),
        ({"deployments": [{"name": "a"}]}, "serve.yaml: none of its deployments has an autoscaling_config"),
        ({"kind": "RayService", "spec": {}}, "serve.yaml: spec.serveConfigV2: is missing"),
        (
            {"deployments": [{"autoscaling_config": {"upscale_delay_s": "soon"}}]},
            'deployments[0].autoscaling_config.upscale_delay_s: "soon" is not a number',
        ),
    ],
)
def test_what_cannot_be_read_is_one_line(document, why):
    """It says where it stands, and what is wrong."""
    with pytest.raises(ContractError) as refused:
        read(document, Source("serve.yaml"))

    assert why in str(refused.value)
