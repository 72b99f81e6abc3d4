"""Leaves out the s at the end of the hook."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscaler():
    return {"misspelt": SimpleAutoScaler}
