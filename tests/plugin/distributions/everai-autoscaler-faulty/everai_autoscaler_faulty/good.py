"""A good one, in bad company."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"good": SimpleAutoScaler}
