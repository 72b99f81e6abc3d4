"""Decorators that turn a snapshot into another."""

from __future__ import annotations

from everai_autoscaler.builtin.decorator.factors.average import AverageDecorator
from everai_autoscaler.builtin.decorator.factors.noop import NoopDecorator
from everai_autoscaler.builtin.factory import Factory, Singleton
from everai_autoscaler.model import FactorsDecorator

__all__ = ["AverageDecorator", "FactorsDecorator", "FactorsFactory", "NoopDecorator"]


class FactorsFactory(Factory[FactorsDecorator], metaclass=Singleton):
    """Makes factors decorators by name.

    >>> FactorsFactory().create("average", {"used_histories": "3"})
    AverageDecorator(used_histories=3)
    """

    kind = "factors_decorators"
