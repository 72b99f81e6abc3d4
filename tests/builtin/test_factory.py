"""What the factories promise to clients of the predecessor."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.builtin import BuiltinFactory, FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.builtin.decorator import arguments, factors
from everai_autoscaler.builtin.factory import Factory, Singleton
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import Decorators, Factors

FACTORIES = {
    BuiltinFactory: {"simple": SimpleAutoScaler, "free-worker": FreeWorkerAutoScaler},
    factors.FactorsFactory: {"noop": factors.NoopDecorator, "average": factors.AverageDecorator},
    arguments.ArgumentsFactory: {"noop": arguments.NoopDecorator, "time-match": arguments.TimeMatchDecorator},
}
EACH = pytest.mark.parametrize(("factory", "made"), FACTORIES.items(), ids=[one.__name__ for one in FACTORIES])
NAMES = st.text(string.ascii_lowercase, max_size=3)


class Scalers(Factory):
    """As BuiltinFactory, but not the one instance of it, so that what is registered in a test stays there."""

    kind = "autoscalers"


class TestTheThree:
    @EACH
    def test_make_what_ships(self, factory, made):
        """Each makes what ships by its name, from no arguments or from none at all."""

        assert made == {name: type(factory().create(name)) for name in made}
        assert made == {name: type(factory().create(name, {})) for name in made}
        assert made == {name: type(factory().create(name, None)) for name in made}

    @EACH
    def test_have_their_elements(self, factory, made):
        """The elements are creators by name, which take the arguments as one mapping."""
        elements = factory().elements

        assert set(made) <= set(elements)
        assert made == {name: type(elements[name]({})) for name in made}

    @EACH
    def test_dump_their_names(self, factory, made, capsys):
        """The dump is text, a line a name under a heading; nothing is printed."""
        heading, *names = factory().dump().splitlines()

        assert "available elements:" == heading
        assert list(factory().elements) == names
        assert set(made) <= set(names)
        assert "" == capsys.readouterr().out

    @EACH
    def test_are_one_each(self, factory, made):
        """Each has one instance, and it isn't another's."""

        assert factory() is factory()
        assert 1 == sum(factory() is other() for other in FACTORIES)

    @EACH
    def test_name_what_there_is(self, factory, made):
        """An unknown name is a ValueError, as it was in the predecessor, that lists the names and the nearest."""
        name = next(iter(made))
        with pytest.raises(UnknownNameError) as raised:
            factory().create(f"{name}s")

        assert isinstance(raised.value, ValueError)
        assert f"{name + 's'!r} is not one of " in str(raised.value)
        assert f"; did you mean {name!r}?" in str(raised.value)


class TestBuiltinFactory:
    @given(
        highest=st.integers(0, 99),
        lowest=st.integers(0, 99),
        step=st.integers(1, 9),
        idle=st.integers(0, 999),
        form=st.sampled_from([str, int, lambda number: f" {number}.0 ", float]),
    )
    def test_fits_text_and_numbers(self, highest, lowest, step, idle, form):
        """Whole numbers in any form that clients send become ints; of a contradiction, the maximum wins."""
        given_arguments = {
            "min_workers": lowest,
            "max_workers": highest,
            "max_idle_time": idle,
            "scale_up_step": step,
        }
        made = BuiltinFactory().create("simple", {name: form(value) for name, value in given_arguments.items()})

        expected = {
            "min_workers": min(lowest, highest),
            "max_workers": highest,
            "max_queue_size": 1,
            "max_idle_time": idle,
            "scale_up_step": step,
        }
        assert list(expected.items()) == list(made.autoscaler_arguments().items())
        assert {int} == {type(value) for value in made.autoscaler_arguments().values()}

    @pytest.mark.parametrize(
        ("given_arguments", "expected"),
        [
            ({"max_worker": "5"}, "simple: argument 'max_worker' is not one of "),
            ({"max_workers": "abc"}, "simple: max_workers: 'abc' is not a whole number of at least 0"),
            ({"max_workers": "2.9"}, "simple: max_workers: '2.9' is not a whole number of at least 0"),
            ({"max_workers": 2.9}, "simple: max_workers: 2.9 is not a whole number of at least 0"),
            ({"max_workers": -1}, "simple: max_workers: -1 is not a whole number of at least 0"),
            ({"scale_up_step": "0"}, "simple: scale_up_step: '0' is not a whole number of at least 1"),
            ({"max_workers": None}, "simple: max_workers: None is not a whole number of at least 0"),
        ],
    )
    def test_refuses_what_cannot_be_read(self, given_arguments, expected):
        """What can't be read is refused in a line that names the scaler, the argument and what is accepted."""
        with pytest.raises(ArgumentError) as raised:
            BuiltinFactory().create("simple", given_arguments)

        assert str(raised.value).startswith(expected)
        assert "\n" not in str(raised.value)

    def test_lists_the_arguments_that_there_are(self):
        """A misspelt argument lists all that the scaler takes, and the nearest."""
        with pytest.raises(ArgumentError) as raised:
            BuiltinFactory().create("free-worker", {"min_free_worker": "1"})

        expected = (
            "free-worker: argument 'min_free_worker' is not one of max_idle_time, max_workers, min_free_percent, "
            "min_free_workers, min_workers, scale_up_step, start_timeout; did you mean 'min_free_workers'?"
        )
        assert expected == str(raised.value)

    def test_warns_of_a_contradiction(self, caplog):
        """A minimum above the maximum, as in the middle of a ConfigMap edit, is a warning and no outage."""
        made = BuiltinFactory().create("simple", {"min_workers": "7", "max_workers": "5"})

        assert (5, 5) == (made.min_workers, made.max_workers)
        assert ["WARNING"] == [record.levelname for record in caplog.records]
        assert "min_workers 7 is above max_workers 5: the maximum wins" in caplog.text

    def test_leaves_late_values_late(self):
        """A callable isn't read when the scaler is made."""
        late = pytest.fail
        made = BuiltinFactory().create("simple", {"max_workers": late})

        assert late is made.max_workers

    def test_makes_a_scaler_that_decides(self):
        """What it makes decides, as the platform's client has it do on every request."""
        made = BuiltinFactory().create("simple", {"min_workers": "2", "max_workers": "5"})

        assert 2 == made.decide(Factors(workers=[])).up

    def test_leaves_the_callers_mapping_alone(self):
        """The mapping of arguments is the caller's, and stays as it was."""
        given_arguments = {"min_workers": "7", "max_workers": "5"}
        BuiltinFactory().create("simple", given_arguments)

        assert {"min_workers": "7", "max_workers": "5"} == given_arguments


class TestFromArguments:
    def test_of_a_subclass_gives_the_subclass(self):
        """A subclass's from_arguments gives the subclass."""

        class Mine(SimpleAutoScaler):
            pass

        assert Mine is type(Mine.from_arguments({"max_workers": "5"}))

    def test_is_what_the_factory_does(self):
        """The class and the factory make the same of the same arguments."""
        given_arguments = {"min_workers": "1", "max_workers": "5", "min_free_workers": "2"}
        made = [
            one.autoscaler_arguments()
            for one in (
                FreeWorkerAutoScaler.from_arguments(given_arguments),
                BuiltinFactory().create("free-worker", given_arguments),
            )
        ]

        assert made[0] == made[1]

    def test_gives_no_decorators(self):
        """Decorators aren't among the arguments; they are put beside them."""

        assert SimpleAutoScaler.from_arguments({}).decorators is None
        with pytest.raises(ArgumentError, match="argument 'decorators' is not one of"):
            SimpleAutoScaler.from_arguments({"decorators": Decorators()})


class TestFactory:
    def test_makes_what_is_registered(self):
        """A creator that is registered is given the mapping of arguments as it is."""
        factory = Factory()
        factory.register("pairs", lambda given_arguments: list(given_arguments.items()))

        assert [("a", "1")] == factory.create("pairs", {"a": "1"})
        assert [] == factory.create("pairs")

    def test_knows_nothing_at_first(self):
        """A factory of one's own has no elements, and says so."""
        factory = Factory()

        assert {} == factory.elements
        assert "available elements:" == factory.dump()
        with pytest.raises(UnknownNameError, match=r"^element 'a' is not one of \(none\)$"):
            factory.create("a")

    def test_prefers_what_is_registered(self):
        """What is registered comes before what plugins offer under the same name, and beside the rest."""
        factory = Scalers()
        factory.register("simple", lambda given_arguments: "mine")

        assert "mine" == factory.create("simple")
        assert "mine" == factory.elements["simple"]({})
        assert FreeWorkerAutoScaler is type(factory.create("free-worker"))

    def test_registers_for_itself(self):
        """What is registered in one factory isn't in another."""
        Scalers().register("mine", lambda given_arguments: "mine")

        assert "mine" not in Scalers().elements

    def test_gives_elements_that_are_the_callers(self):
        """Changing the elements that were given out changes nothing in the factory."""
        factory = Scalers()
        factory.elements.clear()

        assert "simple" in factory.elements

    @given(st.dictionaries(NAMES, st.integers()), NAMES)
    def test_gives_back_what_was_put_in(self, registered, asked):
        """Each registered name makes its own thing, an unknown one makes none, and elements and dump list them all."""
        factory = Factory()
        for name, value in registered.items():
            factory.register(name, lambda given_arguments, value=value: value)
        try:
            made = factory.create(asked)
        except UnknownNameError:
            made = None

        assert registered.get(asked) == made
        assert registered == {name: creator({}) for name, creator in factory.elements.items()}
        assert ["available elements:", *registered] == factory.dump().split("\n")


class TestSingleton:
    def test_makes_one_of_each_class(self):
        """A class has one instance, made with the first call's arguments; its subclass has one of its own."""

        class One(metaclass=Singleton):
            def __init__(self, word="first"):
                self.word = word

        class Other(One):
            pass

        assert One() is One("second")
        assert "first" == One().word
        assert Other() is Other()
        assert One() is not Other()

    def test_keeps_what_was_given_out(self):
        """An instance that is given out while another is being made, by another thread, say, stays the one."""
        given_out = []

        class One(metaclass=Singleton):
            def __init__(self):
                if not given_out:
                    given_out.append(self)
                    given_out[0] = One()

        first = One()

        assert given_out[0] is first
        assert first is One()
