"""A scaler name of its own, and one that the backlog plugin has too."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"backlog": SimpleAutoScaler, "rival": SimpleAutoScaler}
