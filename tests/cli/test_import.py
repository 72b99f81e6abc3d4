"""``everai-autoscaler import``: what goes to which stream, and what other commands make of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from everai_autoscaler.cli.options.manifest import read_app
from everai_autoscaler.plugin import default_registry

ROOT = Path(__file__).parents[2]
HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: inference}
spec:
  maxReplicas: 9
  metrics:
  - type: Pods
    pods: {metric: {name: queued}, target: {averageValue: "2"}}
"""
KNATIVE = """\
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: chat}
spec:
  template:
    metadata:
      annotations: {autoscaling.knative.dev/target: "4", autoscaling.knative.dev/max-scale: "5"}
"""
KEDA = """\
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: jobs}
spec:
  triggers:
  - {type: redis, metadata: {listLength: "3"}}
  - {type: cron, metadata: {start: "0 8 * * *", end: "0 18 * * *", desiredReplicas: "0", timezone: UTC}}
"""
SNAPSHOT = '{"queue": {"WorkerBusy": 9}, "workers": [], "worker_histories": {}}'


def known(name):
    """Whether a scaler of this name is installed where the tests run."""
    return any(name in plugin.offers.get("autoscalers", {}) for plugin in default_registry().plugins)


@pytest.fixture
def file(tmp_path):
    """Writes a file, and gives its path."""

    def write(text, name="a.yaml"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture
def beside(run_beside, tmp_path):
    """Runs a command as if an example plugin of the checkout were installed, where it isn't."""

    def invoke(distribution, name, *arguments, **given):
        site = tmp_path / "site"
        site.mkdir(exist_ok=True)
        module = distribution.replace("-", "_")
        if not known(name) and not (site / module).exists():
            (site / module).symlink_to(ROOT / "plugins" / distribution / module)
            information = site / f"{module}-1.0.0.dist-info"
            information.mkdir()
            (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0.0\n")
            (information / "entry_points.txt").write_text(f"[everai_autoscaler]\n{module} = {module}\n")
        return run_beside(site, *arguments, **given)

    return invoke


def test_the_manifest_and_the_notes_have_a_stream_each(run, file):
    """The manifest alone is on standard output; each note is a line on standard error, with file, line and path."""
    path = file(HPA)
    done = run("import", path)

    assert "web" == yaml.safe_load(done.stdout)["metadata"]["name"]
    assert f"{path}: line 3: metadata.namespace: has no equivalent" == done.stderr.splitlines()[0]
    assert f"{path}: line 8: spec.metrics[0].pods.metric.name: queued is taken to count" in done.stderr
    assert 0 == done.exit_code


def test_the_manifest_is_one_that_other_commands_read(run, file, tmp_path):
    """It is an app with a name, its scaler and its arguments."""
    made = file(run("import", file(HPA)).stdout, "made.yaml")
    app = read_app(made)

    assert ("web", "hpa", 2) == (app.name, app.description.name, app.description.arguments["target"])


@pytest.mark.parametrize(
    ("text", "distribution", "name", "up"),
    [
        (HPA, "everai-autoscaler-hpa", "hpa", 4),
        (KEDA, "everai-autoscaler-hpa", "keda", 1),
        (KNATIVE, "everai-autoscaler-kpa", "kpa", 4),
        ("deployments: [{name: m, num_replicas: auto}]", "everai-autoscaler-ray-serve", "ray-serve", 1),
    ],
)
def test_decide_takes_what_is_printed(beside, file, text, distribution, name, up):
    """With its plugin installed, what is imported decides."""
    if not (ROOT / "plugins" / distribution).exists():
        pytest.skip("the plugins aren't here")
    made = file(beside(distribution, name, "import", file(text)).stdout, "made.yaml")
    snapshot = SNAPSHOT
    done = beside(distribution, name, "decide", "-f", made, "-o", "json", given=snapshot)

    assert [{"action": "ScaleUp", "count": up}] == json.loads(done.stdout)["actions"], done.stderr


def test_simulate_takes_what_is_printed(beside, file):
    """With its plugin installed, what is imported can be simulated."""
    if not (ROOT / "plugins" / "everai-autoscaler-hpa").exists():
        pytest.skip("the plugins aren't here")
    made = file(beside("everai-autoscaler-hpa", "hpa", "import", file(HPA)).stdout, "made.yaml")
    done = beside(
        "everai-autoscaler-hpa", "hpa", "simulate", "-f", made, "--trace", file("arrival_s,service_s\n1,2\n", "t.csv")
    )

    assert 0 == done.exit_code, done.stderr
    assert "hpa (target=2.0" in done.stdout


def test_what_the_scaler_does_not_accept_is_refused(beside, file):
    """With its plugin installed, arguments are tried before they are printed."""
    if not (ROOT / "plugins" / "everai-autoscaler-kpa").exists():
        pytest.skip("the plugins aren't here")
    bad = KNATIVE.replace("knative.dev/target:", "knative.dev/window: 2s, autoscaling.knative.dev/target:")
    done = beside("everai-autoscaler-kpa", "kpa", "import", file(bad))

    assert (2, "") == (done.exit_code, done.stdout)
    assert "a.yaml: chat: kpa: stable_window: 2 is not a number of at least 6" in done.stderr


@pytest.mark.skipif(known("ray-serve"), reason="the plugin is installed")
def test_a_plugin_that_is_missing_is_named_with_the_line_that_installs_it(run, file):
    """The manifest is printed all the same."""
    done = run("import", file("deployments: [{name: m, num_replicas: auto}]"))

    assert "name: ray-serve" in done.stdout
    assert (
        "ray-serve: not installed: pip install everai-autoscaler-ray-serve (in a checkout: pip install "
        "./plugins/everai-autoscaler-ray-serve)\n"
    ) == done.stderr


def test_several_documents_give_several_manifests(run, file):
    """Documents of other kinds are named and left out."""
    done = run("import", file(f"{HPA}---\nkind: Pod\n---\n{KNATIVE}"))

    assert ["web", "chat"] == [one["metadata"]["name"] for one in yaml.safe_load_all(done.stdout)]
    assert "line 10: Pod: left out, since it is not a HorizontalPodAutoscaler" in done.stderr


def test_one_kind_can_be_asked_for(run, file):
    """All others are left out."""
    done = run("import", "--kind", "knative", file(f"{HPA}---\n{KNATIVE}"))

    assert "chat" == yaml.safe_load(done.stdout)["metadata"]["name"]
    assert "HorizontalPodAutoscaler: left out, since it is not of the kind knative" in done.stderr


def test_json_has_a_line_for_each_document(run, file):
    """With its apps and its notes; nothing of them is on standard error."""
    path = file(f"{HPA}---\nkind: Pod\n")
    done = run("import", "-o", "json", path)
    first, second = map(json.loads, done.stdout.splitlines())

    assert (str(path), "web") == (first["file"], first["apps"][0]["manifest"]["metadata"]["name"])
    assert {"path": "metadata.namespace", "line": 3, "why": "has no equivalent", "lost": True} == first["notes"][0]
    assert ([], 10) == (second["apps"], second["notes"][0]["line"])
    assert "line 3" not in done.stderr


def test_it_reads_standard_input(run):
    """As from ``kubectl get -o yaml``."""
    done = run("import", "-", given=HPA)

    assert done.stdout.startswith("# HorizontalPodAutoscaler web, imported from standard input.\n")


def test_each_manifest_can_have_a_file(run, file, tmp_path):
    """In a directory, under the app's name; none is overwritten."""
    path = file(f"{HPA}---\n{KNATIVE}")
    (tmp_path / "apps").mkdir()
    done = run("import", path, "--directory", tmp_path / "apps")
    again = run("import", path, "--directory", tmp_path / "apps")

    assert (0, "", 2) == (done.exit_code, done.stdout, again.exit_code)
    assert "hpa" == read_app(tmp_path / "apps" / "web.yaml").description.name
    assert "kpa" == read_app(tmp_path / "apps" / "chat.yaml").description.name
    assert "web.yaml: is there already" in again.stderr


def test_two_apps_of_one_name_are_refused(run, file, tmp_path):
    """Neither is written."""
    (tmp_path / "apps").mkdir()
    done = run("import", file(f"{HPA}---\n{HPA}"), "--directory", tmp_path / "apps")

    assert (2, []) == (done.exit_code, list((tmp_path / "apps").iterdir()))
    assert "two apps have the name 'web'" in done.stderr


def test_a_name_that_leads_elsewhere_is_refused(run, file, tmp_path):
    """An app's name is no path."""
    (tmp_path / "apps").mkdir()
    done = run("import", file(HPA.replace("name: web", "name: ../web")), "--directory", tmp_path / "apps")

    assert 2 == done.exit_code
    assert "'../web' is not the name of a file" in done.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("kind: Pod", "there is nothing to import in 1 document"),
        ("", "there is nothing to import in 0 documents"),
        ("a: [", "line 1: is not YAML"),
        (HPA.replace("9", "many"), 'line 5: spec.maxReplicas: "many" is not a number'),
        ("kind: RayService\nspec: {serveConfigV2: 'a: ['}", "serveConfigV2: line 1: is not YAML"),
        ("kind: RayService\nspec: {serveConfigV2: ' '}", "null is not a mapping"),
    ],
)
def test_what_cannot_be_imported_is_one_line(run, file, text, why):
    """With exit status 2, and nothing on standard output."""
    done = run("import", file(text))

    assert (2, "") == (done.exit_code, done.stdout)
    assert why in done.stderr.splitlines()[-1]
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_what_is_not_text_is_one_line(run, tmp_path):
    """Bytes that are no UTF-8."""
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    done = run("import", tmp_path / "a.yaml")

    assert "is not UTF-8 text" in done.stderr
