"""Gives a mapping that can't be read."""

from collections.abc import Mapping

from everai_autoscaler import hookimpl


class Treacherous(Mapping):
    def __getitem__(self, name):
        raise RuntimeError("not for you")

    def __iter__(self):
        return iter(["a"])

    def __len__(self):
        return 1


@hookimpl
def register_factors_decorators():
    return Treacherous()
