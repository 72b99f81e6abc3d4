"""The twin of the other distribution's plugin."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"twin-two": SimpleAutoScaler}
