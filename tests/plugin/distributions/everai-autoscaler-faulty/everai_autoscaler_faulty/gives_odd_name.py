"""Gives a name that isn't text."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {5: SimpleAutoScaler}
