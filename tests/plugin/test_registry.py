"""What a registry of one's own does with what is added to it."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import SimpleAutoScaler, hookimpl
from everai_autoscaler.errors import DuplicateNameError, PlaceholderError, PluginError, UnknownNameError
from everai_autoscaler.model import Placeholder
from everai_autoscaler.plugin import KINDS, Plugin, Registry

NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=2)
OFFERS = st.fixed_dictionaries({}, optional={kind: st.sets(NAMES, max_size=3) for kind in KINDS}).filter(len)


def offering(**offers):
    """A plugin that offers these mappings, a kind each."""

    def hook(kind):
        def register(self):
            return offers[kind]

        register.__name__ = f"register_{kind}"
        return hookimpl(register)

    return type("Offering", (), {f"register_{kind}": hook(kind) for kind in offers})()


def scalers(*names):
    """A plugin that offers scalers of these names."""
    return offering(autoscalers=dict.fromkeys(names, SimpleAutoScaler))


class TestAdd:
    def test_gives_what_was_added(self):
        """What was added is told, with its distribution and version, and is among the plugins."""
        registry = Registry()
        added = registry.add(scalers("a"), name="mine", distribution="mine-dist", version="1.0")

        assert Plugin("mine", "mine-dist", "1.0", {"autoscalers": {"a": SimpleAutoScaler}}) == added
        assert (added,) == registry.plugins
        assert "plugin 'mine' (mine-dist 1.0)" == str(added)

    def test_raises_where_the_plugin_is_no_use(self):
        """What is wrong with an added plugin is raised, named, and leaves the registry as it was."""
        registry = Registry()
        with pytest.raises(PluginError) as raised:
            registry.add(object(), name="mine")

        assert str(raised.value).startswith("plugin 'mine': offers nothing: ")
        assert () == registry.plugins

    def test_copies_what_is_offered(self):
        """A plugin that changes its mapping afterwards changes nothing here."""
        offered = {"a": SimpleAutoScaler}
        registry = Registry()
        registry.add(offering(autoscalers=offered), name="mine")
        offered["b"] = SimpleAutoScaler

        assert ["a"] == registry.names("autoscalers")

    def test_refuses_a_second_plugin_of_one_name(self):
        """Two plugins can't have one name, whatever they offer."""
        registry = Registry()
        registry.add(scalers("a"), name="mine", distribution="first", version="1")
        with pytest.raises(DuplicateNameError) as raised:
            registry.add(scalers("b"), name="mine", distribution="second", version="2")

        assert "plugin 'mine' (second 2): plugin 'mine' (first 1) has this name already" == str(raised.value)

    def test_refuses_a_name_that_is_taken(self):
        """Two plugins can't offer one name of one kind; both are named."""
        registry = Registry()
        registry.add(scalers("a", "b"), name="first")
        with pytest.raises(DuplicateNameError) as raised:
            registry.add(scalers("b", "c"), name="second")

        assert "plugin 'second' and plugin 'first' both offer the scaler 'b'" == str(raised.value)

    def test_takes_one_name_for_two_kinds(self):
        """A decorator may be called as a scaler is."""
        registry = Registry()
        registry.add(offering(factors_decorators={"a": len}, arguments_decorators={"a": dict}), name="first")
        registry.add(scalers("a"), name="second")

        found = (registry.autoscaler("a"), registry.factors_decorator("a"), registry.arguments_decorator("a"))
        assert (SimpleAutoScaler, len, dict) == found

    @given(st.lists(st.tuples(NAMES, OFFERS), max_size=8))
    def test_gives_each_name_to_one_plugin(self, plugins):
        """In any order of additions: what is taken is found as it was given, and what is refused leaves no trace."""
        registry, taken, present = Registry(), {}, set()
        for plugin_name, offers in plugins:
            offered = {kind: {name: type(name, (), {}) for name in names} for kind, names in offers.items()}
            wanted = {(kind, name): factory for kind, names in offered.items() for name, factory in names.items()}
            before = registry.plugins
            try:
                registry.add(offering(**offered), name=plugin_name)
            except DuplicateNameError:
                assert plugin_name in present or wanted.keys() & taken.keys()
                assert before == registry.plugins
            else:
                assert plugin_name not in present
                assert not wanted.keys() & taken.keys()
                taken |= wanted
                present.add(plugin_name)

        assert {kind: sorted(name for of, name in taken if of == kind) for kind in KINDS} == {
            kind: registry.names(kind) for kind in KINDS
        }
        assert taken == {(kind, name): registry.find(kind, name)[1] for kind, name in taken}

    def test_leaves_other_registries_alone(self):
        """A registry is an object of its own."""
        Registry().add(scalers("a"), name="mine")

        assert [] == Registry().names("autoscalers")


class TestFind:
    @pytest.mark.parametrize(
        ("ask", "word"),
        [
            (Registry.autoscaler, "scaler"),
            (Registry.factors_decorator, "factors decorator"),
            (Registry.arguments_decorator, "arguments decorator"),
        ],
    )
    def test_calls_things_what_people_call_them(self, ask, word):
        """An unknown name is named with its kind, in words; where nothing failed, nothing more is said."""
        with pytest.raises(UnknownNameError) as raised:
            ask(Registry(), "a")

        assert f"{word} 'a' is not one of (none)" == str(raised.value)

    def test_gives_the_plugin_beside_the_factory(self):
        """Who offers a name is told with it."""
        registry = Registry()
        added = registry.add(scalers("a"), name="mine")

        assert (added, SimpleAutoScaler) == registry.find("autoscalers", "a")


class TestReadPlaceholder:
    def test_gives_the_reader_its_name_and_key(self):
        """The reader of a kind is given a placeholder's name and key."""
        registry = Registry()
        registry.add(offering(placeholder_kinds={"Pair": lambda name, key: f"{name}+{key}"}), name="mine")

        assert "a+b" == registry.read_placeholder(Placeholder(kind="Pair", name="a", key="b"))
        assert "a+" == registry.read_placeholder(Placeholder(kind="Pair", name="a"))

    @pytest.mark.parametrize(("given_value", "word"), [(5, "int"), (None, "NoneType"), (b"5", "bytes")])
    def test_refuses_what_is_not_text(self, given_value, word):
        """A reader that gives something else than text breaks its promise, and is told without showing the value."""
        registry = Registry()
        registry.add(offering(placeholder_kinds={"Odd": lambda name, key: given_value}), name="mine")
        with pytest.raises(PlaceholderError) as raised:
            registry.read_placeholder(Placeholder(kind="Odd", name="a", key="b"))

        assert f"Odd a/b: its reader gave a {word}, not text" == str(raised.value)

    def test_names_an_unknown_kind(self):
        """A kind that nobody reads is named."""
        with pytest.raises(UnknownNameError, match="placeholder kind 'Vault' is not one of"):
            Registry().read_placeholder(Placeholder(kind="Vault", name="a"))
