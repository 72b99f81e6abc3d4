"""Raises in its hook."""

from everai_autoscaler import hookimpl


@hookimpl
def register_placeholder_kinds():
    raise RuntimeError("the vault\nis sealed")
