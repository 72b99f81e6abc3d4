"""``plugins``: what is installed."""

from __future__ import annotations

import json

import pytest

import everai_autoscaler

OFFERS_ONE = """
from everai_autoscaler import hookimpl, SimpleAutoScaler
@hookimpl
def register_autoscalers():
    return {"patient": SimpleAutoScaler}
"""


@pytest.fixture
def distributions(tmp_path):
    """A directory with three distributions: two that offer the same scaler, and one that can't be imported."""
    for name, text in (("one", OFFERS_ONE), ("two", OFFERS_ONE), ("broken", "import no_such_module_anywhere")):
        (tmp_path / f"plugin_{name}.py").write_text(text)
        info = tmp_path / f"plugin_{name}-0.{len(name)}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: plugin-{name}\nVersion: 0.{len(name)}\n")
        (info / "entry_points.txt").write_text(f"[everai_autoscaler]\n{name} = plugin_{name}\n")
    return tmp_path


def test_the_builtins_are_listed_as_any_plugin(run):
    """The plugin that ships is there with its distribution, version and all that it offers."""
    result = run("plugins", "-o", "json")

    builtin = next(one for one in json.loads(result.stdout) if one["plugin"] == "builtin")
    assert ("everai-autoscaler", everai_autoscaler.__version__) == (builtin["distribution"], builtin["version"])
    assert {
        "autoscalers": ["demand", "free-worker", "simple", "slo-latency"],
        "factors_decorators": ["average", "noop"],
        "arguments_decorators": ["noop", "time-match"],
        "placeholder_kinds": ["ConfigMap", "Env", "File", "Secret", "Tuned"],
    } == builtin["offers"]
    assert [] == builtin["failures"]


def test_words_say_the_same(run):
    """For people: each plugin with its origin, and a line for each kind."""
    words = run("plugins").stdout

    assert f"builtin  (everai-autoscaler {everai_autoscaler.__version__})\n" in words
    assert "  scalers:              demand, free-worker, simple, slo-latency\n" in words


def test_what_failed_is_named_with_its_reason(run_beside, distributions):
    """A plugin that can't be imported, and one whose names another has too, are shown with what is wrong."""
    result = run_beside(distributions, "plugins")
    output, errors = result.stdout, result.stderr

    assert "broken  (plugin-broken 0.6)\n  failed: import of 'plugin_broken' failed: ModuleNotFoundError" in output
    assert "plugin 'two' (plugin-two 0.3) offers the scaler 'patient' too: it is neither's, block one" in output
    assert "" == errors


def test_a_blocked_plugin_is_listed_as_blocked(run_beside, distributions):
    """The environment variable that blocks a plugin shows in the list; the other one has its name then."""
    result = run_beside(distributions, "plugins", "-o", "json", EVERAI_AUTOSCALER_BLOCK="two,broken")

    found = {one["plugin"]: one for one in json.loads(result.stdout)}
    assert ["blocked by EVERAI_AUTOSCALER_BLOCK"] == found["two"]["failures"]
    assert ({"autoscalers": ["patient"]}, []) == (found["one"]["offers"], found["one"]["failures"])


def test_an_installed_scaler_decides_by_its_name(start, distributions, a_line):
    """A distribution with one scaler, installed beside this one, decides."""
    env = {"PYTHONPATH": str(distributions), "EVERAI_AUTOSCALER_BLOCK": "two,broken"}
    output, errors = start("decide", "patient", "-a", "max_workers=3", env=env).communicate(a_line(), timeout=60)

    assert "up 1" in output
    assert "" == errors
