"""Gives something that can't be called."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"fine": SimpleAutoScaler, "number": 3}
