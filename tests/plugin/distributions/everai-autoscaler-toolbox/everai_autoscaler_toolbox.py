"""One thing for each hook."""

from attrs import define

from everai_autoscaler import hookimpl
from everai_autoscaler.errors import PlaceholderError
from everai_autoscaler.model import AutoScaler, DecideResult


@define
class FixedAutoScaler(AutoScaler):
    """As many workers as you say."""

    workers: int = 1

    def decide(self, factors):
        return DecideResult.scale_to(self.workers, factors, max_workers=self.workers).because("as you say")


@define
class BlindDecorator:
    """Forget the queue."""

    def __call__(self, factors):
        return factors.model_copy(update={"queue": None})


@define
class MoreDecorator:
    """Allow more workers."""

    by: int = 1

    def __call__(self, arguments):
        return {**arguments, "max_workers": int(arguments["max_workers"]) + self.by}


def read_length(name, key):
    """How long the name is; an empty one has no length."""
    if not name:
        raise PlaceholderError("Length: no name")
    return str(len(name))


@hookimpl
def register_autoscalers():
    return {"fixed": FixedAutoScaler}


@hookimpl
def register_factors_decorators():
    return {"blind": BlindDecorator}


@hookimpl
def register_arguments_decorators():
    return {"more": MoreDecorator}


@hookimpl
def register_placeholder_kinds():
    return {"Length": read_length}
