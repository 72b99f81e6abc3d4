"""The real ``everai`` SDK works with this package; run by ``tox -e compat``, which installs it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, files, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from attrs import define

import everai_autoscaler
from everai_autoscaler import Decider
from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.model import (
    AutoScaler,
    DecideResult,
    Decorator,
    Decorators,
    Factors,
    Placeholder,
    ScaleDownAction,
    ScaleUpAction,
)

if find_spec("everai") is None:
    pytest.skip("the everai SDK is not installed: run `tox -e compat`", allow_module_level=True)

# The SDK warns when it is imported, and is imported in the tests only: what it does is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

PATH = "/-everai-/autoscaler"
CONFIGMAP = "get-start-configmap"
ARGUMENTS = {
    SimpleAutoScaler: ["min_workers", "max_workers", "max_queue_size", "max_idle_time", "scale_up_step"],
    FreeWorkerAutoScaler: ["min_workers", "max_workers", "min_free_workers", "max_idle_time", "scale_up_step"],
}
BUILTINS = list(ARGUMENTS)

SNAPSHOT = {
    "queue_histories": {},
    "queue": {"QueueDueBusy": 3},
    "utilization": None,
    "workers": [
        {
            "worker_id": "5LJtBqJsRYgT67ZEuMAt88",
            "gpu_type": None,
            "region": "cn-east",
            "started_at": 1722221570,
            "last_service_time": 1722222800,
            "number_of_successes": 7,
            "number_of_failures": 0,
            "number_of_sessions": 0,
            "average_response_time": 1.5,
            "current_request": 1,
            "status": "Busy",
        }
    ],
    "worker": {"Busy": 1},
    "worker_histories": None,
}


@pytest.fixture
def runtime() -> Iterator[Any]:
    """The SDK's runtime with a ConfigMap and a Secret in it, as the platform would have put them there."""
    from everai.app.app_runtime import AppRuntime
    from everai.configmap import ConfigMap
    from everai.secret import Secret

    made = AppRuntime()
    made.configmaps = {
        CONFIGMAP: ConfigMap(
            name=CONFIGMAP,
            data={
                "min_workers": "1",
                "max_workers": "5",
                "max_queue_size": "2",
                "min_free_workers": "1",
                "max_idle_time": "60",
                "scale_up_step": "1",
            },
        )
    }
    made.secrets = {"idle": Secret(name="idle", data={"seconds": "60"})}
    yield made
    made.configmaps, made.secrets = {}, {}


def sdk_placeholder(key: str, name: str = CONFIGMAP, kind: Any = "ConfigMap") -> Any:
    """The SDK's own placeholder."""
    import everai.app  # noqa: F401 - first, since the SDK's modules import each other in a circle
    from everai.placeholder import Placeholder as SdkPlaceholder

    return SdkPlaceholder(name, key, kind)


def app(autoscaler: AutoScaler | None = None, runtime: Any = None) -> Any:
    """An app of the SDK, which writes a container form only for one that asks for a ConfigMap, Secret or volume."""
    from everai.app import App

    made = App("story", autoscaler=autoscaler, configmap_requests=[CONFIGMAP])
    if runtime is not None:
        made.runtime = runtime
    return made


def from_yaml(text: str, runtime: Any) -> Any:
    """The app that the SDK loads from its manifest."""
    from everai.app import App

    made = App.from_yaml_stream(io.StringIO(text))
    made.runtime = runtime
    return made


def handler_of(served: Any) -> Any:
    """A Flask app with the SDK's handler for *served*."""
    from everai.app.autocaler_handler import register_autoscaling_handler
    from flask import Flask

    flask_app = Flask("story")
    register_autoscaling_handler(flask_app, served)
    return flask_app


def ask(served: Any, snapshot: Any = SNAPSHOT) -> Any:
    """What the SDK's handler answers to *snapshot*."""
    return handler_of(served).test_client().post(PATH, data=json.dumps(snapshot))


# -- the environment --------------------------------------------------------------------------------------------------


def test_pip_finds_no_fault_with_the_environment() -> None:
    """The SDK's requirement is met, without the predecessor."""
    checked = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)

    assert (0, "No broken requirements found.") == (checked.returncode, checked.stdout.strip())


def test_the_distributions_are_ours() -> None:
    """The builtin distribution holds no module, and both versions are those of this checkout."""
    assert "0.1.99" == version("everai-builtin-autoscaler")
    assert everai_autoscaler.__version__ == version("everai-autoscaler")
    assert {"everai_builtin_autoscaler-0.1.99.dist-info"} == {
        path.parts[0] for path in files("everai-builtin-autoscaler") or []
    }


def test_no_file_of_the_predecessor_lies_in_the_package() -> None:
    """Each file in the package's folder was installed by its own distribution."""
    folder = Path(everai_autoscaler.__file__).parent
    installed = {Path(str(path.locate())) for path in files("everai-autoscaler") or []}
    found = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}

    assert set() == found - installed


def test_the_predecessors_service_is_not_there() -> None:
    """Nothing brought its third distribution."""
    with pytest.raises(PackageNotFoundError):
        version("everai-builtin-autoscaler-service")


# -- the manifest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_manifest_of_a_builtin(scaler: Any) -> None:
    """Placeholders are told as references, unread; plain values as text; all in their order, none of the newer."""
    names = ARGUMENTS[scaler]
    late = {name: sdk_placeholder(name) for name in (names[0], names[2])}
    idle = sdk_placeholder("seconds", "idle", "Secret")
    written = app(scaler(**late, max_workers=5, max_idle_time=idle)).to_dict()["spec"]["autoscaler"]

    assert {
        "scheduler": "queue",
        "builtin": {
            "name": scaler.autoscaler_name(),
            "arguments": {
                names[0]: {"valueFrom": {"configMapKeyRef": {"name": CONFIGMAP, "key": names[0]}}},
                "max_workers": {"value": "5"},
                names[2]: {"valueFrom": {"configMapKeyRef": {"name": CONFIGMAP, "key": names[2]}}},
                "max_idle_time": {"valueFrom": {"secretKeyRef": {"name": "idle", "key": "seconds"}}},
                "scale_up_step": {"value": "1"},
            },
        },
    } == written
    assert names == list(written["builtin"]["arguments"])


@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_manifest_of_decorators(scaler: Any) -> None:
    """Both kinds, in their order, with plain and late arguments."""
    decorators = Decorators(
        arguments=[
            Decorator(
                name="time-match",
                arguments={
                    "timezone": "Asia/Shanghai",
                    "match(* 9-22 * * 1-5)": "weekday_day_",
                    "weekday_day_min_workers": sdk_placeholder("min_workers"),
                },
            )
        ],
        factors=[Decorator(name="average", arguments={"used_histories": "3"})],
    )
    written = app(scaler(decorators=decorators)).to_dict()["spec"]["autoscaler"]["builtin"]["decorators"]

    assert {
        "arguments": [
            {
                "name": "time-match",
                "arguments": {
                    "timezone": {"value": "Asia/Shanghai"},
                    "match(* 9-22 * * 1-5)": {"value": "weekday_day_"},
                    "weekday_day_min_workers": {
                        "valueFrom": {"configMapKeyRef": {"name": CONFIGMAP, "key": "min_workers"}}
                    },
                },
            }
        ],
        "factors": [{"name": "average", "arguments": {"used_histories": {"value": "3"}}}],
    } == written


def test_the_manifest_of_a_newer_argument() -> None:
    """It is there when it was set."""
    written = app(SimpleAutoScaler(start_timeout=300)).to_dict()["spec"]["autoscaler"]["builtin"]["arguments"]

    assert {"value": "300"} == written["start_timeout"]


@pytest.mark.parametrize("scaler", BUILTINS)
def test_a_manifest_survives_its_yaml(scaler: Any, runtime: Any) -> None:
    """What the SDK writes is what it reads."""
    made = app(scaler(max_workers=sdk_placeholder("max_workers")))

    assert made.to_dict() == from_yaml(made.to_yaml(), runtime).to_dict()


def test_the_manifest_of_a_custom_scaler() -> None:
    """A scaler of one's own runs in a container; so does a subclass of a builtin."""

    class Mine(SimpleAutoScaler):
        """A builtin with something of one's own."""

    for scaler in (Custom(), Mine()):
        written = app(scaler).to_dict()["spec"]["autoscaler"]

        assert "queue" == written["scheduler"]
        assert "builtin" not in written
        assert ["everai", "autoscaler"] == written["container"]["command"]
        assert PATH == written["container"]["entryPath"]["httpPost"]["path"]


def test_a_builtin_in_a_container(monkeypatch: pytest.MonkeyPatch, runtime: Any) -> None:
    """The SDK's switch against builtins makes a container of one, which decides as it would have."""
    import everai.constants

    monkeypatch.setattr(everai.constants, "EVERAI_DISABLE_BUILTIN", "1")
    made = app(SimpleAutoScaler(max_workers=sdk_placeholder("max_workers")), runtime)

    assert "container" in made.to_dict()["spec"]["autoscaler"]
    assert {"max_workers": 5, "actions": [{"count": 1, "action": "ScaleUp"}]} == ask(made).json


# -- the handler ------------------------------------------------------------------------------------------------------


@define
class Custom(AutoScaler):
    """A scaler of a user's own."""

    limit: int = 7

    def decide(self, factors: Factors) -> DecideResult:
        """One more for each that waits; the first worker goes."""
        first = (factors.workers or [])[0]
        return DecideResult(
            max_workers=self.limit,
            actions=[ScaleUpAction(count=factors.waiting() or 1), ScaleDownAction(worker_id=first.worker_id)],
        ).because("a story")


def test_a_custom_scaler_answers_exactly_the_wire_form(runtime: Any) -> None:
    """Bare snapshot JSON in; ``max_workers`` and ``actions`` out, and nothing beside them."""
    answered = ask(app(Custom(), runtime))

    assert (200, "application/json") == (answered.status_code, answered.mimetype)
    assert (
        b'{"max_workers":7,"actions":[{"count":3,"action":"ScaleUp"},'
        b'{"worker_id":"5LJtBqJsRYgT67ZEuMAt88","action":"ScaleDown"}]}'
    ) == answered.data


def test_a_pipeline_is_a_custom_scaler(runtime: Any) -> None:
    """A Decider goes into an app as any scaler does."""
    answered = ask(app(Decider("simple", {"max_workers": sdk_placeholder("max_workers")}), runtime))

    assert b'{"max_workers":5,"actions":[{"count":1,"action":"ScaleUp"}]}' == answered.data


def test_an_app_without_a_scaler(runtime: Any) -> None:
    """The SDK's default is our ``SimpleAutoScaler`` as it comes: one worker, never more."""
    made = app(None, runtime)

    assert isinstance(made.autoscaler, SimpleAutoScaler)
    assert b'{"max_workers":1,"actions":[]}' == ask(made).data
    assert b'{"max_workers":1,"actions":[{"count":1,"action":"ScaleUp"}]}' == ask(made, {}).data


@pytest.mark.parametrize("scaler", BUILTINS)
def test_the_users_own_builtin_decides(scaler: Any, runtime: Any) -> None:
    """Late arguments are read in the app's context, at each request."""
    made = app(scaler(**{name: sdk_placeholder(name) for name in ARGUMENTS[scaler]}), runtime)

    assert b'{"max_workers":5,"actions":[{"count":1,"action":"ScaleUp"}]}' == ask(made).data
    runtime.configmaps[CONFIGMAP].data["max_workers"] = "1"
    assert b'{"max_workers":1,"actions":[]}' == ask(made).data


@pytest.mark.parametrize("scaler", BUILTINS)
def test_late_values_that_contradict_each_other(scaler: Any, runtime: Any) -> None:
    """In the middle of a ConfigMap edit the maximum wins, and the app goes on."""
    made = app(scaler(sdk_placeholder("min_workers"), sdk_placeholder("max_workers")), runtime)
    runtime.configmaps[CONFIGMAP].data["min_workers"] = "7"

    assert b'{"max_workers":5,"actions":[{"count":4,"action":"ScaleUp"}]}' == ask(made).data


@pytest.mark.parametrize("scaler", BUILTINS)
def test_an_app_from_yaml_builds_its_scaler_on_every_request(scaler: Any, runtime: Any) -> None:
    """What ``create`` refuses is an outage there until it is mended; what only contradicts itself isn't."""
    text = app(scaler(sdk_placeholder("min_workers"), sdk_placeholder("max_workers"))).to_yaml()
    served = from_yaml(text, runtime)
    values = runtime.configmaps[CONFIGMAP].data

    assert 200 == ask(served).status_code
    values["min_workers"] = "7"  # above the maximum
    assert 200 == ask(served).status_code
    values["min_workers"] = "abc"
    refused = ask(served)
    assert 500 == refused.status_code
    assert "min_workers" in refused.text
    assert "'abc'" in refused.text
    values["min_workers"] = "1"
    assert 200 == ask(served).status_code


def test_an_app_from_a_yaml_with_a_newer_argument(runtime: Any) -> None:
    """``create`` takes the newer argument as text, too."""
    text = app(SimpleAutoScaler(start_timeout=300)).to_yaml()

    assert 200 == ask(from_yaml(text, runtime)).status_code


def test_a_snapshot_that_cannot_be_read(runtime: Any) -> None:
    """The handler's 400 says in one line what is wrong and where."""
    refused = ask(app(Custom(), runtime), {"workers": [SNAPSHOT["workers"][0] | {"status": "Gone"}]})  # type: ignore[index, operator]

    assert 400 == refused.status_code
    assert "workers.0.status" in refused.text
    assert "\n" not in refused.text


def test_over_a_real_connection(runtime: Any) -> None:
    """The same over HTTP on the loopback interface, twice on one server."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, handler_of(app(SimpleAutoScaler(1, 5, 2), runtime)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.server_port}{PATH}",
            data=json.dumps(SNAPSHOT).encode(),
            headers={"Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        answers = []
        for _ in range(2):
            with opener.open(request, timeout=10) as answered:
                answers.append((answered.status, answered.read()))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert [(200, b'{"max_workers":5,"actions":[{"count":1,"action":"ScaleUp"}]}')] * 2 == answers


# -- placeholders -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "name", "key", "value"),
    [("ConfigMap", CONFIGMAP, "max_workers", "5"), ("Secret", "idle", "seconds", "60")],
)
def test_our_placeholders_read_the_apps_context(kind: str, name: str, key: str, value: str, runtime: Any) -> None:
    """Inside an app, a ConfigMap or Secret placeholder of ours is resolved by the SDK."""
    from everai.app.context import service_context

    with service_context(runtime.context()):
        assert value == Placeholder(kind=kind, name=name, key=key)()
