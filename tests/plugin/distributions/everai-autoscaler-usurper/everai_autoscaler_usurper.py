"""Two plugins: one offers names that are builtin, and another is itself called builtin."""

from everai_autoscaler import FreeWorkerAutoScaler, hookimpl


@hookimpl
def register_autoscalers():
    return {"simple": FreeWorkerAutoScaler, "usurped": FreeWorkerAutoScaler}


@hookimpl
def register_factors_decorators():
    return {"average": FreeWorkerAutoScaler}


class Impostor:
    @hookimpl
    def register_autoscalers(self):
        return {"impostor": FreeWorkerAutoScaler}


IMPOSTOR = Impostor()
