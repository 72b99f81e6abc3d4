"""Decorators that turn a set of arguments into another."""

from __future__ import annotations

from everai_autoscaler.builtin.decorator.arguments.noop import NoopDecorator
from everai_autoscaler.builtin.decorator.arguments.time_match import TimeMatchDecorator
from everai_autoscaler.builtin.factory import Factory, Singleton
from everai_autoscaler.model import ArgumentsDecorator

__all__ = ["ArgumentsDecorator", "ArgumentsFactory", "NoopDecorator", "TimeMatchDecorator"]


class ArgumentsFactory(Factory[ArgumentsDecorator], metaclass=Singleton):
    """Makes arguments decorators by name.

    >>> ArgumentsFactory().create("time-match", {"timezone": "UTC"})({"max_workers": 5})
    {'max_workers': 5}
    """

    kind = "arguments_decorators"
