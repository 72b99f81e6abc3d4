"""Forgets to return what it has."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    _forgotten = {"forgotten": SimpleAutoScaler}
