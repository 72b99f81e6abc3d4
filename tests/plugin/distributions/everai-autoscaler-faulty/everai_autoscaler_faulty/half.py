"""One hook is right, and one is wrong."""

from everai_autoscaler import SimpleAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"half": SimpleAutoScaler}


@hookimpl
def register_factors_decorators():
    return ["half"]
