"""Which decorators go round a scaler."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Decorator, Decorators, Placeholder


@pytest.mark.parametrize(("given", "text"), [(3, "3"), (1.5, "1.5"), ("3", "3"), ("", "")])
def test_a_number_stands_for_its_text(given: object, text: str) -> None:
    """The predecessor refused the number 3 for "3"."""
    decorator = Decorator.model_validate({"name": "average", "arguments": {"used_histories": given}})

    assert {"used_histories": text} == decorator.arguments
    assert decorator == Decorator.from_json(decorator.json())


@pytest.mark.parametrize("given", [None, True, [3], {"value": "3"}])
def test_what_is_no_argument(given: object) -> None:
    """One error, which names the argument."""
    with pytest.raises(ValidationError) as caught:
        Decorator.model_validate({"name": "average", "arguments": {"used_histories": given}})

    assert [("arguments", "used_histories")] == [error["loc"] for error in caught.value.errors()]


def test_a_late_argument_stays_what_it_is() -> None:
    """A placeholder isn't read when the decorators are written down."""
    placeholder = Placeholder(kind="ConfigMap", name="c", key="k")

    assert {"x": placeholder} == Decorator(name="average", arguments={"x": placeholder}).arguments


def test_a_decorator_has_a_name() -> None:
    """Without one it is refused, with the path."""
    with pytest.raises(ContractError, match=r"^Decorators: factors\.0\.name: field required$"):
        Decorators.from_json('{"factors": [{"arguments": {}}]}')
