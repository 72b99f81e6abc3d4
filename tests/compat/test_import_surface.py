"""Every name that existing clients import is where they import it from."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import get_args

import pytest
from pydantic import BaseModel

SURFACE = {
    "everai_autoscaler.model": [
        "AutoScaler",
        "BuiltinAutoScaler",
        "ArgumentType",
        "Factors",
        "Worker",
        "WorkerStatus",
        "QueueReason",
        "QueueSummary",
        "WorkerSummary",
        "Action",
        "ScaleUpAction",
        "ScaleDownAction",
        "DecideResult",
        "Decorator",
        "Decorators",
        "__version__",
    ],
    "everai_autoscaler.model.factors": [
        "Factors",
        "Worker",
        "WorkerStatus",
        "QueueReason",
        "QueueSummary",
        "WorkerSummary",
    ],
    "everai_autoscaler.model.action": [
        "Action",
        "ScaleUpAction",
        "ScaleDownAction",
        "DecideResult",
        "actions_to_json",
    ],
    "everai_autoscaler.model.decorator": ["Decorator", "Decorators"],
    "everai_autoscaler.model.autoscaler": ["AutoScaler"],
    "everai_autoscaler.model.builtin_autoscaler": ["BuiltinAutoScaler"],
    "everai_autoscaler.builtin": [
        "SimpleAutoScaler",
        "FreeWorkerAutoScaler",
        "BuiltinFactory",
        "is_builtin",
        "__version__",
    ],
    "everai_autoscaler.builtin.is_builtin": ["is_builtin"],
    "everai_autoscaler.builtin.factory": ["Factory", "Singleton"],
    "everai_autoscaler.builtin.decorator.factors": [
        "FactorsDecorator",
        "NoopDecorator",
        "AverageDecorator",
        "FactorsFactory",
    ],
    "everai_autoscaler.builtin.decorator.arguments": [
        "ArgumentsDecorator",
        "NoopDecorator",
        "TimeMatchDecorator",
        "ArgumentsFactory",
    ],
    "everai_autoscaler.builtin.decorator.arguments.time_match": ["TimeMatchDecorator"],
}


@pytest.mark.parametrize(("module", "name"), [(module, name) for module in SURFACE for name in SURFACE[module]])
def test_the_name_is_importable(module: str, name: str) -> None:
    """The client's import statement works."""
    found = getattr(import_module(module), name)

    assert found is not None


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (module, name)
        for module in SURFACE
        if module.startswith("everai_autoscaler.model.")
        for name in SURFACE[module]
        if name != "actions_to_json"
    ],
)
def test_a_name_of_two_modules_is_one_thing(module: str, name: str) -> None:
    """What the package and its module both offer is the same object, so that ``isinstance`` agrees."""
    package = import_module("everai_autoscaler.model")

    assert getattr(package, name) is getattr(import_module(module), name)


@pytest.mark.parametrize("module", ["everai_autoscaler", "everai_autoscaler.model", "everai_autoscaler.builtin"])
def test_each_version_is_that_of_the_distribution(module: str) -> None:
    """``__version__`` is text, and that of the one distribution there is."""
    assert version("everai-autoscaler") == import_module(module).__version__


@pytest.mark.parametrize(
    "name",
    ["Factors", "Worker", "DecideResult", "ScaleUpAction", "ScaleDownAction", "Decorator", "Decorators"],
)
def test_the_models_are_pydantic_models(name: str) -> None:
    """Clients nest and subclass them, so that each is a pydantic model that reads JSON itself."""
    model = getattr(import_module("everai_autoscaler.model"), name)

    assert issubclass(model, BaseModel)
    assert callable(model.from_json)


def test_an_action_is_one_of_both() -> None:
    """``Action`` is the union of the two kinds, which clients take apart."""
    model = import_module("everai_autoscaler.model")

    assert (model.ScaleUpAction, model.ScaleDownAction) == get_args(model.Action)


def test_is_builtin_is_a_module_and_a_function() -> None:
    """Both ways to ask lead to the same answer: the module's function, and the module itself."""
    package = import_module("everai_autoscaler.builtin")
    module = import_module("everai_autoscaler.builtin.is_builtin")
    scaler = package.SimpleAutoScaler()

    assert package.is_builtin(scaler) is True
    assert module.is_builtin(scaler) is True
    assert package.is_builtin(object()) is False


def test_each_factory_is_one_object() -> None:
    """Clients call the factories' classes everywhere and mean one factory."""
    factories = [
        import_module("everai_autoscaler.builtin").BuiltinFactory,
        import_module("everai_autoscaler.builtin.decorator.factors").FactorsFactory,
        import_module("everai_autoscaler.builtin.decorator.arguments").ArgumentsFactory,
    ]

    assert [True, True, True] == [factory() is factory() for factory in factories]
    assert 3 == len({id(factory()) for factory in factories})
