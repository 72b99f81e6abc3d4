"""Has a function of the hook's name, but doesn't mark it."""

from everai_autoscaler import SimpleAutoScaler


def register_autoscalers():
    return {"unmarked": SimpleAutoScaler}
