"""Gives a list."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return [SimpleAutoScaler]
