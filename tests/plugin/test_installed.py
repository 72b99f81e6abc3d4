"""What becomes of distributions that are really installed: the good, the bad, and those that want one name."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.builtin import SimpleAutoScaler
from everai_autoscaler.builtin.decorator.factors import AverageDecorator
from everai_autoscaler.errors import DuplicateNameError, UnknownNameError
from everai_autoscaler.model import Factors
from everai_autoscaler.plugin import BLOCK_VARIABLE, default_registry

FAULTY = "everai-autoscaler-faulty"
THE_HOOKS = (
    "; the hooks are register_autoscalers, register_factors_decorators, register_arguments_decorators, "
    "register_placeholder_kinds, register_targets"
)
FAILURES = {
    "absent": (
        "import of 'everai_autoscaler_faulty.absent' failed: "
        "ModuleNotFoundError: No module named 'everai_autoscaler_faulty.absent'"
    ),
    "needy": (
        "import of 'everai_autoscaler_faulty.needy' failed: "
        "ModuleNotFoundError: No module named 'a_library_that_nobody_has'"
    ),
    "leaver": "import of 'everai_autoscaler_faulty.leaver' failed: SystemExit: no licence found",
    "nothing": f"offers nothing: no function in it is marked @hookimpl{THE_HOOKS}",
    "silent": f"offers nothing: no function in it is marked @hookimpl{THE_HOOKS}",
    "unmarked": f"offers nothing: no function in it is marked @hookimpl{THE_HOOKS}",
    "prickly": "can't be looked at: RuntimeError: don't touch me",
    "raises": "register_placeholder_kinds() failed: RuntimeError: the vault is sealed",
    "exits": "register_arguments_decorators() failed: SystemExit: 3",
    "treacherous": "register_factors_decorators() failed: RuntimeError: not for you",
    "half": "register_factors_decorators() gave ['half'], not a mapping from name to factory",
    "gives-number": "register_autoscalers() gave {'number': 3}, not a mapping from name to factory",
    "gives-nothing": "register_autoscalers() gave None, not a mapping from name to factory",
}
BEGINNINGS = {
    "misspelt": "unknown hook 'register_autoscaler' in plugin",
    "greedy": "Plugin 'greedy' for hook 'register_autoscalers'",
    "gives-list": "register_autoscalers() gave [<class ",
    "gives-no-name": "register_autoscalers() gave {' ': <class ",
    "gives-odd-name": "register_autoscalers() gave {5: <class ",
}


class TestOneGoodPlugin:
    def test_is_found_beside_the_builtin_one(self, registry_of, backlog, plugin_of):
        """A distribution that is installed is a plugin, with its version and what it offers; nothing else is needed."""
        registry = registry_of(backlog)
        found = plugin_of(registry, "backlog")

        assert "plugin 'backlog' (everai-autoscaler-backlog 0.3.0)" == str(found)
        assert {"autoscalers": ["backlog"]} == {kind: list(offered) for kind, offered in found.offers.items()}
        assert {"backlog", "free-worker", "simple"} <= set(registry.names("autoscalers"))
        assert [] == [plugin.failure for plugin in registry.plugins if plugin.failure]

    def test_decides_by_name(self, registry_of, backlog):
        """Its scaler decides by its name, through the whole pipeline, with text arguments fitted."""
        decider = Decider("backlog", {"target_backlog": "2", "max_workers": "3"}, registry=registry_of(backlog))
        result = decider.decide(Factors(queue={"QueueDueBusy": 8}))

        assert 3 == result.up
        assert "backlog: 8 waiting, 0 busy: 4 workers wanted" == str(result.reasons[0])

    def test_is_found_by_a_process_of_its_own(self, backlog, tmp_path):
        """A fresh Python finds it through its entry point, lists it, and decides by its name; nothing is printed."""
        program = (
            "import json, everai_autoscaler as e\n"
            "from everai_autoscaler.plugin import default_registry\n"
            "result = e.Decider('backlog').decide(e.Factors(queue={'QueueDueBusy': 8}))\n"
            "print(json.dumps([[str(p) for p in default_registry().plugins], result.up]))"
        )
        environment = {name: value for name, value in os.environ.items() if name != BLOCK_VARIABLE}
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment | {"PYTHONPATH": str(backlog)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        plugins, up = json.loads(done.stdout)

        assert "plugin 'backlog' (everai-autoscaler-backlog 0.3.0)" in plugins
        assert 2 == up
        assert "" == done.stderr

    def test_is_told_nothing_about(self, registry_of, backlog, events):
        """Where all is well nothing is logged."""
        registry_of(backlog)

        assert [] == events()

    def test_works_where_its_metadata_is_lost(self, registry_of, backlog, plugin_of, tmp_path):
        """Half of its metadata gone, as after a broken upgrade, it works still, without its name and version."""
        damaged = shutil.copytree(backlog, tmp_path / "damaged")
        next(damaged.glob("*.dist-info/METADATA")).unlink()
        registry = registry_of(damaged)

        assert "plugin 'backlog'" == str(plugin_of(registry, "backlog"))
        assert {"backlog", "free-worker", "simple"} <= set(registry.names("autoscalers"))


class TestFailures:
    @pytest.mark.parametrize(("name", "expected"), FAILURES.items(), ids=FAILURES)
    def test_is_told_in_words(self, registry_of, crowd, plugin_of, name, expected):
        """What is wrong with a plugin is told beside its name, in one line that a person can act on."""
        found = plugin_of(registry_of(crowd), name)

        assert expected == found.failure
        assert f"plugin {name!r} ({FAULTY} 0.9)" == str(found)

    @pytest.mark.parametrize(("name", "beginning"), BEGINNINGS.items(), ids=BEGINNINGS)
    def test_is_told_with_what_was_given(self, registry_of, crowd, plugin_of, name, beginning):
        """Where the failure shows an object of the plugin, it is still one line, and begins with the hook."""
        failure = plugin_of(registry_of(crowd), name).failure

        assert failure.startswith(beginning)
        assert "\n" not in failure

    def test_of_a_misspelt_hook_says_which_there_are(self, registry_of, crowd, plugin_of):
        """A misspelt hook isn't silence: the failure says how the hooks are spelt."""

        assert plugin_of(registry_of(crowd), "misspelt").failure.endswith(THE_HOOKS)

    def test_of_a_wrong_signature_names_the_argument(self, registry_of, crowd, plugin_of):
        """A hook that asks for what it isn't given is told so by the argument's name."""

        assert "Argument(s) {'registry'} are declared" in plugin_of(registry_of(crowd), "greedy").failure

    def test_leaves_nothing_of_the_plugin(self, registry_of, crowd, plugin_of):
        """A plugin with one wrong hook offers nothing, so that nobody runs a half of it."""
        registry = registry_of(crowd)
        failed = [*FAILURES, *BEGINNINGS]

        assert [{}] * len(failed) == [plugin_of(registry, name).offers for name in failed]
        assert not {"half", "fine", "misspelt", "unmarked", "greedy", " "} & set(registry.names("autoscalers"))

    def test_takes_nobody_down(self, registry_of, crowd, plugin_of):
        """Beside eighteen failures, the others work: the builtin one, and one of the same distribution."""
        registry = registry_of(crowd)

        assert "" == plugin_of(registry, "good").failure
        assert SimpleAutoScaler is registry.autoscaler("good")
        assert SimpleAutoScaler is registry.autoscaler("simple")
        assert 18 == sum(bool(plugin.failure) for plugin in registry.plugins if plugin.distribution == FAULTY)

    def test_is_logged_once_as_an_error(self, registry_of, crowd, events):
        """Each failure is one event, with the plugin, its distribution and version, and why."""
        registry_of(crowd)
        told = {event["plugin"]: (level, event["failure"]) for level, event in events() if "failure" in event}

        assert ("ERROR", FAILURES["leaver"]) == told[f"plugin 'leaver' ({FAULTY} 0.9)"]
        assert 18 == sum(FAULTY in plugin for plugin in told)
        assert len(told) == sum("failure" in event for _, event in events())

    def test_is_told_to_who_asks_for_the_name(self, registry_of, crowd):
        """Who asks for the name of a scaler that failed is told what failed, and why."""
        with pytest.raises(UnknownNameError) as raised:
            registry_of(crowd).autoscaler("half")

        assert "scaler 'half' is not one of backlog, " in str(raised.value)
        assert f"plugin 'half' ({FAULTY} 0.9) can't be used: {FAILURES['half']}" in str(raised.value)


class TestOneEntryPointName:
    EXPECTED = (
        "more than one distribution has a plugin of this name: plugin 'twin' (everai-autoscaler-twin-one 1.0) "
        "and plugin 'twin' (everai-autoscaler-twin-two 2.0); block one by its distribution's name"
    )

    def test_fails_both(self, registry_of, crowd, plugin_of):
        """Two distributions with a plugin of one name both fail, each naming both; pluggy alone would lose one."""
        registry = registry_of(crowd)
        failures = [plugin_of(registry, "twin", f"everai-autoscaler-twin-{which}").failure for which in ("one", "two")]

        assert [self.EXPECTED, self.EXPECTED] == failures
        assert not {"twin-one", "twin-two"} & set(registry.names("autoscalers"))

    def test_leaves_the_others(self, registry_of, crowd):
        """The other plugins go on."""

        assert {"rival", "good", "fixed", "simple"} <= set(registry_of(crowd).names("autoscalers"))

    @pytest.mark.parametrize(("blocked", "stays"), [("one", "two"), ("two", "one")])
    def test_is_resolved_by_blocking_one(self, registry_of, crowd, plugin_of, blocked, stays):
        """With one of the distributions blocked, the other has the name."""
        registry = registry_of(crowd, blocked=[f"everai-autoscaler-twin-{blocked}"])

        assert "" == plugin_of(registry, "twin", f"everai-autoscaler-twin-{stays}").failure
        assert SimpleAutoScaler is registry.autoscaler(f"twin-{stays}")
        assert f"twin-{blocked}" not in registry.names("autoscalers")

    def test_of_the_builtin_plugin_stays_with_it(self, registry_of, crowd, plugin_of):
        """A stranger's plugin that is called builtin fails alone, naming both; the builtin one stays."""
        registry = registry_of(crowd)
        impostor = plugin_of(registry, "builtin", "everai-autoscaler-usurper")

        assert "plugin 'builtin' (everai-autoscaler " in impostor.failure
        assert "plugin 'builtin' (everai-autoscaler-usurper 0.1)" in impostor.failure
        assert {} == impostor.offers
        assert "" == plugin_of(registry, "builtin", "everai-autoscaler").failure


class TestOneScalerName:
    def test_belongs_to_nobody(self, registry_of, crowd):
        """Who asks for a name that two plugins offer is told which two, and what to do."""
        with pytest.raises(DuplicateNameError) as raised:
            registry_of(crowd).autoscaler("backlog")

        expected = (
            "plugin 'backlog' (everai-autoscaler-backlog 0.3.0) and plugin 'rival' (everai-autoscaler-rival 2.0) "
            "each offer the scaler 'backlog'; block all but one through EVERAI_AUTOSCALER_BLOCK"
        )
        assert expected == str(raised.value)

    def test_leaves_the_other_names(self, registry_of, crowd):
        """The other names of both plugins work; the contested one is still listed."""
        registry = registry_of(crowd)

        assert SimpleAutoScaler is registry.autoscaler("rival")
        assert "backlog" in registry.names("autoscalers")

    def test_is_logged(self, registry_of, crowd, events):
        """The contest is an error in the log, once, even before anyone asks for the name."""
        registry_of(crowd)
        contested = [(level, event) for level, event in events() if event["event"] == "plugin_name_contested"]

        expected = {
            "event": "plugin_name_contested",
            "name": "scaler 'backlog'",
            "plugins": [
                "plugin 'backlog' (everai-autoscaler-backlog 0.3.0)",
                "plugin 'rival' (everai-autoscaler-rival 2.0)",
            ],
        }
        assert [("ERROR", expected)] == contested

    @pytest.mark.parametrize(
        ("blocked", "module"), [("rival", "everai_autoscaler_backlog"), ("backlog", "everai_autoscaler.builtin.simple")]
    )
    def test_is_resolved_by_blocking_one(self, registry_of, crowd, monkeypatch, blocked, module):
        """With either of the two blocked through the environment, the name is the other's."""
        make = registry_of
        monkeypatch.setenv(BLOCK_VARIABLE, blocked)

        assert module == make(crowd).autoscaler("backlog").__module__


class TestBuiltinNames:
    def test_stay_builtin(self, registry_of, crowd):
        """A plugin that offers builtin names doesn't get them."""
        registry = registry_of(crowd)

        assert SimpleAutoScaler is registry.autoscaler("simple")
        assert AverageDecorator is registry.factors_decorator("average")

    def test_are_a_failure_of_who_takes_them(self, registry_of, crowd, plugin_of):
        """Its failure names each name that it may not have."""
        expected = (
            "it offers the scaler 'simple' and the factors decorator 'average', which are builtin and stay so; "
            "the rest of it can be used"
        )

        assert expected == plugin_of(registry_of(crowd), "usurper").failure

    def test_leave_its_other_names(self, registry_of, crowd, plugin_of):
        """What else it offers can be used."""
        registry = registry_of(crowd)
        plugin, _ = registry.find("autoscalers", "usurped")

        assert plugin_of(registry, "usurper") == plugin

    def test_can_be_taken_once_the_builtin_plugin_is_blocked(self, registry_of, crowd):
        """With the builtin distribution blocked, on purpose, its names are free."""
        registry = registry_of(crowd, blocked=["everai-autoscaler"])

        assert "usurper" == registry.find("autoscalers", "simple")[0].name


class TestBlocking:
    @pytest.mark.parametrize(
        "name",
        ["rival", "everai-autoscaler-rival", "everai_autoscaler_rival", "Everai.Autoscaler-Rival"],
    )
    def test_names_a_plugin_or_its_distribution(self, registry_of, crowd, plugin_of, monkeypatch, name):
        """A plugin is blocked by its name, or by its distribution's, however that is spelt; it isn't imported."""
        make = registry_of
        monkeypatch.setenv(BLOCK_VARIABLE, name)
        found = plugin_of(make(crowd), "rival")

        assert f"blocked by {BLOCK_VARIABLE}" == found.failure
        assert {} == found.offers
        assert "everai_autoscaler_rival" not in sys.modules

    def test_takes_several_names(self, registry_of, crowd, plugin_of, monkeypatch):
        """Names are separated by commas; white space and empty ones don't matter."""
        make = registry_of
        monkeypatch.setenv(BLOCK_VARIABLE, " rival ,, toolbox,")
        registry = make(crowd)
        blocked = [plugin.name for plugin in registry.plugins if plugin.failure.startswith("blocked")]

        assert ["rival", "toolbox"] == blocked

    def test_of_a_distribution_blocks_all_its_plugins(self, registry_of, crowd):
        """A distribution's name blocks each of its plugins, the good ones, too."""
        registry = registry_of(crowd, blocked=[FAULTY])
        failures = {plugin.failure for plugin in registry.plugins if plugin.distribution == FAULTY}

        assert {"blocked by the caller"} == failures
        assert "good" not in registry.names("autoscalers")

    def test_is_not_an_error(self, registry_of, backlog, events):
        """Who blocks a plugin is told nothing: it is what they wanted."""
        registry_of(backlog, blocked=["backlog"])

        assert [] == events()

    def test_is_told_to_who_asks_for_the_name(self, registry_of, backlog):
        """Who asks for a scaler of a blocked plugin is told that it is blocked, and by what."""
        with pytest.raises(UnknownNameError) as raised:
            registry_of(backlog, blocked=["backlog"]).autoscaler("backlog")

        expected = "(plugin 'backlog' (everai-autoscaler-backlog 0.3.0) can't be used: blocked by the caller)"
        assert expected in str(raised.value)

    def test_of_a_name_that_nobody_has_is_warned_about(self, registry_of, backlog, events, monkeypatch):
        """A blocked name that no plugin has is likely misspelt: a warning names it."""
        make = registry_of
        monkeypatch.setenv(BLOCK_VARIABLE, "backlogg,backlog")
        make(backlog)

        expected = {"event": "blocked_plugin_unknown", "name": "backlogg", "by": BLOCK_VARIABLE}
        assert [("WARNING", expected)] == events()

    def test_given_by_the_caller_replaces_the_environment(self, registry_of, backlog, monkeypatch):
        """Names that the caller gives, even none, count in place of the environment variable."""
        make = registry_of
        monkeypatch.setenv(BLOCK_VARIABLE, "backlog")

        assert "backlog" in make(backlog, blocked=[]).names("autoscalers")


class TestOrder:
    def test_is_the_same_for_any_order_of_installation(self, registry_of, crowd):
        """Plugins are listed with our own first, then by name and distribution."""
        names = [(plugin.name, plugin.distribution) for plugin in registry_of(crowd).plugins]

        assert [(name, "everai-autoscaler") for name in ("builtin", "local", "wrapper")] == names[:3]
        assert sorted(names[3:]) == names[3:]


def test_the_default_registry_is_of_what_is_installed():
    """The default registry is made once, and holds at least what ships."""
    registry = default_registry()

    assert registry is default_registry()
    assert {"free-worker", "simple"} <= set(registry.names("autoscalers"))
    assert {"average", "noop"} <= set(registry.names("factors_decorators"))
    assert {"noop", "time-match"} <= set(registry.names("arguments_decorators"))
    assert {"ConfigMap", "Env", "File", "Secret"} <= set(registry.names("placeholder_kinds"))


def test_the_builtin_plugin_offers_no_more_than_it_says(registry_of, backlog, plugin_of):
    """What ships is this; whoever adds to it adds to the docs."""
    offers = plugin_of(registry_of(backlog), "builtin").offers

    expected = {
        "autoscalers": ["demand", "free-worker", "simple", "slo-latency"],
        "factors_decorators": ["average", "noop"],
        "arguments_decorators": ["noop", "time-match"],
        "placeholder_kinds": ["ConfigMap", "Env", "File", "Secret", "Tuned"],
    }
    assert expected == {kind: sorted(offered) for kind, offered in offers.items()}
