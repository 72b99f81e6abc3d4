"""A worker that listens at an address, as the router sees it."""

from __future__ import annotations

from attrs import define

from everai_autoscaler.serving.worker import ServingWorker

__all__ = ["ListeningWorker"]


@define(eq=False)
class ListeningWorker(ServingWorker):
    """A worker that takes requests over HTTP."""

    host: str = "127.0.0.1"
    port: int = 0
