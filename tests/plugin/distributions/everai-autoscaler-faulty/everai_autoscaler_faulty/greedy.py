"""Asks the hook for an argument that it doesn't have."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers(registry):
    return {"greedy": SimpleAutoScaler}
