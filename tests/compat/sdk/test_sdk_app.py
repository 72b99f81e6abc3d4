"""An app of the real ``everai`` SDK runs under autoscaling on this machine; run by ``tox -e compat``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Decorator, Placeholder
from everai_autoscaler.testing import snapshot

if find_spec("everai") is None:
    pytest.skip("the everai SDK is not installed: run `tox -e compat`", allow_module_level=True)

# The SDK warns when it is imported: what it does is not ours to mend.
pytestmark = pytest.mark.filterwarnings("default")

EXAMPLE = Path(__file__).parents[3] / "examples" / "get_started"
COMMAND = str(Path(sys.executable).parent / "everai-autoscaler")
CONFIGMAP = "get-start-configmap"

BUILTIN = """
from time import sleep

from everai.app import App, context
from everai.placeholder import Placeholder
from everai_autoscaler.builtin import FreeWorkerAutoScaler
from everai_autoscaler.model import Decorator, Decorators
from flask import Response

def late(key):
    return Placeholder(kind="ConfigMap", name="get-start-configmap", key=key)

app = App(
    "get-start",
    autoscaler=FreeWorkerAutoScaler(
        min_workers=late("min_workers"),
        max_workers=late("max_workers"),
        decorators=Decorators(factors=[Decorator(name="average", arguments={"used_histories": "0"})]),
    ),
    configmap_requests=["get-start-configmap"],
    secret_requests=["token"],
)
prepared = []

@app.prepare()
def load():
    prepared.append(context.get_secret("token").get("word"))

@app.service.route("/sse")
def sse():
    def events():
        for number in range(3):
            sleep(0.1)
            yield f"data: {number}\\n\\n"
    return Response(events(), mimetype="text/event-stream")

@app.service.route("/read")
def read():
    return {"prepared": prepared, "max_workers": context.get_configmap("get-start-configmap").get("max_workers")}
"""

CUSTOM = """
from everai.app import App, context
from everai.placeholder import Placeholder
from everai_autoscaler.model import AutoScaler, DecideResult

class OneEach(AutoScaler):
    limit = Placeholder(kind="ConfigMap", name="get-start-configmap", key="max_workers")

    def decide(self, factors):
        least = int(context.get_configmap("get-start-configmap").data["min_workers"])
        wanted = max(least, factors.waiting() or 0)
        return DecideResult.scale_to(wanted, factors, max_workers=int(self.limit())).because("one each")

app = App("mine", autoscaler=OneEach(), configmap_requests=["get-start-configmap"])
"""


@pytest.fixture
def read(tmp_path):
    """The app of a file with the given text."""
    from everai_autoscaler.cli.options.sdk_app import read_sdk_app

    def reading(text, name="app.py"):
        (tmp_path / name).write_text(text)
        return read_sdk_app(tmp_path / name)

    return reading


def test_a_builtin_scaler_is_described_as_a_manifest_would(read):
    """By its name, its arguments unread, and its decorators."""
    found = read(BUILTIN)
    arguments = dict(found.description.arguments)

    assert "get-start" == found.name
    assert "free-worker" == found.description.name
    assert Placeholder(kind="ConfigMap", name=CONFIGMAP, key="max_workers") == arguments["max_workers"]
    assert "1" == arguments["min_free_workers"]
    assert [Decorator(name="average", arguments={"used_histories": "0"})] == found.description.decorators.factors


def test_an_app_without_a_scaler_has_the_one_that_the_sdk_gives_it(read):
    """That is simple, as it comes."""
    found = read("from everai.app import App\nmine = App('plain')\nthe_same = mine\n")

    assert "simple" == found.description.name
    assert 1 == found.description.arguments["max_workers"]


def test_a_scaler_of_ones_own_is_asked_in_the_apps_context(read):
    """It reads the SDK's placeholders and ConfigMaps, whose values are those of whoever decides."""
    described = read(CUSTOM).description
    values = {"min_workers": "1", "max_workers": "3"}
    decider = Decider(described.scaler, providers={"ConfigMap": lambda name, key: values[key]})
    result = decider.decide(snapshot(waiting=8, busy=1))

    assert (2, 3) == (result.up, result.max_workers)
    assert ["OneEach: one each"] == [str(reason) for reason in result.reasons]


def test_a_pipeline_of_ones_own_is_asked_in_the_same_way(read):
    """A Decider reads the SDK's placeholders by whoever decides, too."""
    pipeline = "from everai_autoscaler import Decider\napp = App('piped', configmap_requests=['get-start-configmap'], "
    pipeline += "autoscaler=Decider('simple', {'max_workers': OneEach.limit}))\n"
    described = read(CUSTOM.rpartition("app = ")[0] + pipeline).description
    decider = Decider(described.scaler, providers={"ConfigMap": lambda name, key: "4"})
    result = decider.decide(snapshot(waiting=8, busy=1))

    assert (1, 4) == (result.up, result.max_workers)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\n", "holds no App of the everai SDK: app = App('name', ...)"),
        ("from everai.app import App\na = App('a')\nb = App('b')\n", "holds 2 apps, a, b: one is run at a time"),
        ("x = 1\nimport nowhere\n", "line 2: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = (\n", "line 1: SyntaxError: '(' was never closed (app.py, line 1)"),
        ("def f():\n    1 / 0\nf()\n", "line 2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)\n", "line 2: SystemExit: 3"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(read, tmp_path, text, why):
    """The file, the place in it, and what is so."""
    with pytest.raises(ContractError) as refused:
        read(text)

    assert f"{tmp_path / 'app.py'}: {why}" == str(refused.value)


@pytest.mark.parametrize("name", ["free-worker", "queue"])
def test_the_sdk_reads_the_examples_manifests(name):
    """They are the platform's form; the section that is ours is none of its business."""
    from everai.app import App

    if not EXAMPLE.exists():
        pytest.skip("the example isn't here")
    read = App.from_yaml_file(str(EXAMPLE / f"{name}.yaml"))

    assert "get-start" == read.name
    assert {"free-worker": "free-worker", "queue": "simple"}[name] == read.to_dict()["spec"]["autoscaler"]["builtin"][
        "name"
    ]


def test_an_app_is_served_by_workers_of_the_runtime(tmp_path):
    """Its routes are answered, its events streamed, and its ConfigMaps and Secrets are those of the state directory."""
    state = tmp_path / "state"
    (tmp_path / "app.py").write_text(BUILTIN)

    def ask(*words):
        subprocess.run([COMMAND, *words, "--state-dir", state], check=True, capture_output=True)

    ask("configmap", "create", CONFIGMAP, "--from-literal", "min_workers=2", "--from-literal", "max_workers=3")
    ask("secret", "create", "token", "--from-literal", "word=xyzzy")
    log = tmp_path / "run.log"
    with log.open("w") as output:
        running = subprocess.Popen(
            [COMMAND, "run", "app.py", "--port=0", "--admin-port=0", "--interval=1", f"--state-dir={state}"],
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = until(lambda: (state / "runtime.json").exists() and json.loads((state / "runtime.json").read_text()))
        workers = until(lambda: len(found := free(get(url["admin_url"] + "/api/workers"))) == 2 and found)
        first = json.loads(get(url["app_url"] + "/read"))
        ask("configmap", "update", CONFIGMAP, "--from-literal", "min_workers=2", "--from-literal", "max_workers=4")
        second = json.loads(get(url["app_url"] + "/read"))
        events = get(url["app_url"] + "/sse")
        running.send_signal(signal.SIGTERM)
        status = running.wait(timeout=60)
    except BaseException as error:
        error.add_note(log.read_text()[-4000:])
        raise
    finally:
        running.kill()
        running.wait()

    assert 2 == len(workers)
    assert {"prepared": ["xyzzy"], "max_workers": "3"} == first
    assert {"prepared": ["xyzzy"], "max_workers": "4"} == second
    assert "data: 0\n\ndata: 1\n\ndata: 2\n\n" == events
    assert 0 == status


def get(url):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=60) as answered:
        return answered.read().decode()


def free(workers):
    return [one for one in json.loads(workers) if one["detail_status"] == "FREE"]


def until(fact):
    """What *fact* gives as soon as it gives something."""
    ends = time.monotonic() + 60
    while not (found := fact()):
        assert time.monotonic() < ends
        time.sleep(0.1)
    return found
