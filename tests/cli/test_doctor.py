"""``doctor``: what is wrong with an installation, or with a scaler's arguments."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from pathlib import Path

import pytest

import everai_autoscaler

PACKAGE = Path(everai_autoscaler.__file__).parent


def distribution(directory, name, version, *, files=(), entry="", record=""):
    """Metadata of an installed distribution, as pip leaves it."""
    info = directory / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(record + "".join(f"{file},,\n" for file in files))
    if entry:
        (info / "entry_points.txt").write_text(f"[everai_autoscaler]\n{entry}\n")


@pytest.fixture
def examine(run_beside):
    """The findings when what is in a directory is installed, too."""

    def ask(directory, *arguments, **env):
        result = run_beside(directory, "doctor", *arguments, "-o", "json", **env)
        told = json.loads(result.stdout)

        assert "" == result.stderr
        return result.exit_code, [one["what"] for one in told["findings"]], told

    return ask


def test_a_sound_installation_has_nothing_wrong(run):
    """Versions of Python, of this package and of what it needs are shown, and the status is 0."""
    result = run("doctor")

    assert f"everai-autoscaler: {everai_autoscaler.__version__}\n" in result.stdout
    assert all(f"\n{name}: " in result.stdout for name in ("pydantic", "pluggy", "attrs", "structlog"))
    assert result.stdout.endswith("\n\nNothing is wrong.\n")
    assert 0 == result.exit_code


def test_the_predecessor_is_found(examine, tmp_path):
    """Its second distribution, other than the empty one that leads here, is a finding, with what to do."""
    distribution(tmp_path, "everai-builtin-autoscaler", "0.1.52", files=["everai_autoscaler/builtin/__init__.py"])
    status, whats, told = examine(tmp_path)

    assert ["everai-builtin-autoscaler 0.1.52 is installed: the predecessor"] == whats
    assert told["findings"][0]["remedy"].startswith("pip uninstall everai-builtin-autoscaler, then pip install --force")
    assert 1 == status


def test_the_empty_one_is_nothing_wrong(examine, tmp_path):
    """The metadata-only distribution under the predecessor's name is as it should be."""
    distribution(tmp_path, "everai-builtin-autoscaler", "0.1.99")

    assert (0, []) == examine(tmp_path)[:2]


def test_files_of_others_in_this_package_are_found(examine, tmp_path):
    """Whoever owns files in this package's directory is named, whatever it is called; a longer name is another."""
    distribution(tmp_path, "intruder", "3.0", files=["everai_autoscaler/model/factors.py", "everai_autoscaler/x.py"])
    distribution(tmp_path, "neighbour", "3.0", files=["everai_autoscaler_neighbour/x.py"])
    _, whats, _ = examine(tmp_path)

    (what,) = whats
    assert what.startswith("intruder 3.0 has 2 files in ")
    assert what.endswith("everai_autoscaler/model/factors.py for one")


def test_overwritten_files_are_found(start, tmp_path):
    """A file that is no longer as its own distribution installed it, or is gone, is named."""
    shutil.copytree(PACKAGE, tmp_path / "everai_autoscaler", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    lines = []
    for path in sorted((tmp_path / "everai_autoscaler").rglob("*.py")):
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).decode().rstrip("=")
        lines.append(f"{path.relative_to(tmp_path).as_posix()},sha256={digest},{path.stat().st_size}\n")
    entry = "builtin = everai_autoscaler.builtin.plugin"
    version = everai_autoscaler.__version__
    distribution(tmp_path, "everai-autoscaler", version, entry=entry, record="".join(lines))

    def examine():
        # In a process of its own, which runs the copy.
        output, _ = start("doctor", "-o", "json", env={"PYTHONPATH": str(tmp_path)}).communicate(timeout=60)
        return [one["what"] for one in json.loads(output)["findings"] if "as installed" in one["what"]]

    before = examine()
    (tmp_path / "everai_autoscaler" / "traces.py").unlink()
    mended = tmp_path / "everai_autoscaler" / "builtin" / "simple.py"
    mended.write_text(mended.read_text("utf-8") + "# mended\n", "utf-8")
    after = examine()

    assert [] == before
    changed = "everai_autoscaler/builtin/simple.py, everai_autoscaler/traces.py"
    assert [f"2 files of everai-autoscaler {version} are not as installed: {changed}"] == after


def test_a_second_installation_is_found(examine, tmp_path):
    """The same distribution in two places of the path is a finding, and so is a version that isn't what is run."""
    distribution(tmp_path, "everai-autoscaler", "0.1.23")
    _, whats, _ = examine(tmp_path)

    assert whats[0].startswith("everai-autoscaler is installed more than once: 0.1.23 in ")
    assert whats[1].startswith(f"everai-autoscaler 0.1.23 is installed, and {everai_autoscaler.__version__} imported")


def test_what_it_needs_has_to_be_new_enough(examine, tmp_path):
    """A dependency that is older than this package asks for is named with the line that mends it."""
    distribution(tmp_path, "structlog", "20.9.0")
    _, whats, told = examine(tmp_path)

    assert ["structlog 20.9.0 is installed, and 24.1 is needed"] == whats
    assert "pip install 'structlog>=24.1'" == told["findings"][0]["remedy"]
    assert "20.9.0" == told["versions"]["structlog"]


OFFERS_ONE = """
from everai_autoscaler import hookimpl, SimpleAutoScaler
@hookimpl
def register_autoscalers():
    return {"patient": SimpleAutoScaler}
"""


@pytest.fixture
def plugins(tmp_path):
    """Three plugins: two that offer the same scaler, and one that can't be imported."""
    for name, text in (("one", OFFERS_ONE), ("two", OFFERS_ONE), ("broken", "import no_such_module_anywhere")):
        (tmp_path / f"plugin_{name}.py").write_text(text)
        distribution(tmp_path, f"plugin-{name}", "0.3", entry=f"{name} = plugin_{name}")
    return tmp_path


def test_what_blocks_what_is_told(examine, plugins):
    """A plugin that failed, and a name that two offer: each with whom to block."""
    status, whats, told = examine(plugins)

    assert whats[0].startswith("plugin 'broken' (plugin-broken 0.3) can't be used: import of 'plugin_broken' failed")
    assert "plugin 'one' (plugin-one 0.3) and plugin 'two' (plugin-two 0.3) each offer the scaler 'patient'" == whats[1]
    assert "EVERAI_AUTOSCALER_BLOCK=broken" in told["findings"][0]["remedy"]
    assert "EVERAI_AUTOSCALER_BLOCK=plugin-two" in told["findings"][1]["remedy"]
    assert 1 == status


def test_a_scaler_that_a_broken_plugin_should_give_is_one_finding_more(examine, plugins):
    """Where something is wrong already, an unknown scaler doesn't keep that from being told."""
    status, whats, _ = examine(plugins, "hasty")

    assert whats[0].startswith("plugin 'broken'")
    assert "scaler 'hasty' is not there" == whats[-1]
    assert 1 == status


def test_what_is_blocked_is_listed_and_is_nothing_wrong(examine, plugins):
    """Who is blocked on purpose is shown; a name to block that nobody has is a finding."""
    status, whats, told = examine(plugins, EVERAI_AUTOSCALER_BLOCK="plugin-two,broken")
    misspelt = examine(plugins, EVERAI_AUTOSCALER_BLOCK="plugin-two,broken,brokn")[1]

    assert (0, []) == (status, whats)
    assert 2 == len(told["blocked"])
    assert "plugin 'broken' (plugin-broken 0.3), blocked by EVERAI_AUTOSCALER_BLOCK" in told["blocked"]
    assert ["EVERAI_AUTOSCALER_BLOCK names 'brokn', which is no plugin, and no distribution of one"] == misspelt


def of_arguments(run, *arguments):
    result = run("doctor", *arguments, "-o", "json")

    assert "" == result.stderr
    found = [one["what"] for one in json.loads(result.stdout)["findings"]]
    assert bool(found) is bool(result.exit_code)
    return found


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["max_idle_time=14"], "simple: max_idle_time is 14 s, shorter than a cold start of 15 s"),
        (["start_timeout=14"], "simple: start_timeout is 14 s, shorter than a cold start of 15 s"),
        (["min_workers=4", "max_workers=3"], "simple: min_workers is 4, max_workers is 3"),
        (["max_workers=many"], "simple: max_workers: 'many' is not a whole number of at least 0"),
        (["workers=3"], "simple: argument 'workers' is not one of"),
    ],
)
def test_arguments_that_contradict_each_other_are_found(run, arguments, what):
    """Each says what is so, with the numbers; the status is 1."""
    (found,) = of_arguments(run, "simple", *(f"-a{one}" for one in arguments))

    assert found.startswith(what)


@pytest.mark.parametrize(
    "arguments",
    [
        ["simple"],
        ["simple", "-a", "max_idle_time=15", "-a", "start_timeout=15"],
        ["free-worker", "-a", "min_free_workers=3", "-a", "max_workers=3"],
        ["simple", "-a", "max_idle_time=100", "--cold-start", "100"],
    ],
)
def test_arguments_at_the_edge_are_nothing_wrong(run, arguments):
    """What is just enough is enough."""
    assert [] == of_arguments(run, *arguments)


def test_a_buffer_above_the_maximum_is_found(run):
    """More free workers than there may be workers can never be kept."""
    found = of_arguments(run, "free-worker", "-a", "min_free_workers=5", "-a", "max_workers=3")

    assert ["free-worker: min_free_workers is 5, max_workers is 3"] == found


def test_where_it_runs_is_said_with_options(run):
    """A cold start of two minutes makes an idle time of one too short."""
    found = of_arguments(run, "simple", "-a", "max_idle_time=60", "--cold-start", "120")

    assert ["simple: max_idle_time is 60 s, shorter than a cold start of 120 s"] == found


def test_scalers_inside_are_looked_at(run, tmp_path):
    """A window that is shorter than the time between two decisions is found, and what is wrong in the scaler inside."""
    described = tmp_path / "scaler.yaml"
    described.write_text(
        "{name: stabilize, arguments: {down_window: 10, scaler: {name: max, arguments: {scalers: "
        "[{name: simple}, {name: free-worker, arguments: {min_free_workers: 2}}]}}}}"
    )
    found = of_arguments(run, "-f", described)
    rarely = of_arguments(run, "-f", described, "--interval", "5")

    inside = "stabilize: scaler: max: scalers[1]: free-worker: min_free_workers is 2, max_workers is 1"
    assert ["stabilize: down_window is 10 s, shorter than the 20 s between two decisions", inside] == found
    assert [inside] == rarely


def test_late_values_are_read_and_secrets_not_shown(run, tmp_path):
    """A ConfigMap's value is looked at as any other; a secret's isn't; one that can't be read is a finding."""
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "idle").write_text("3")
    described = tmp_path / "scaler.yaml"
    described.write_text(
        "{name: simple, arguments: {start_timeout: {valueFrom: {configMapKeyRef: {name: c, key: t}}},"
        " max_idle_time: {valueFrom: {secretKeyRef: {name: s, key: idle}}}}}"
    )
    found = of_arguments(run, "-f", described, "--secrets", tmp_path, "--configmap", "c:t=3")
    unread = of_arguments(run, "-f", described, "--secrets", tmp_path, "--configmap", "c:u=3")

    assert ["simple: start_timeout is 3 s, shorter than a cold start of 15 s"] == found
    assert unread[0].startswith("simple: start_timeout: ConfigMap c/t can't be read")


def test_words_say_what_why_and_what_to_do(run):
    """For people: what was taken, then each finding in three lines, and how many there are."""
    words = run("doctor", "simple", "-a", "max_idle_time=1").stdout

    assert "\ntaken:             20 s between two decisions, a cold start of 15 s\n" in words
    assert (
        "\nsimple: max_idle_time is 1 s, shorter than a cold start of 15 s\n"
        "  why it matters: a worker is removed sooner" in words
    )
    assert "  what to do:     let max_idle_time be at least 15" in words
    assert words.endswith("\n\n1 finding.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simpel"], "scaler 'simpel' is not one of"),
        (["-a", "max_workers=3"], "-a: arguments of which scaler? Give its name, or -f FILE"),
        (["--cold-start", "nan"], "Invalid value for '--cold-start'"),
    ],
)
def test_what_is_given_wrong_is_one_line(run, arguments, told):
    """An unknown scaler, arguments of none, a time that is none: one line, and status 2."""
    result = run("doctor", *arguments)

    assert result.stderr.startswith(f"error: {told}")
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)
