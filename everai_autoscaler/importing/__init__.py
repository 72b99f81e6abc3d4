"""Configurations of other autoscalers, as the scaler with the same rule and what it has no equivalent for.

``read`` takes one document, parsed already, and gives an ``App`` for each thing that it scales, and the notes on it.
"""

from __future__ import annotations

from everai_autoscaler.importing.app import App, Imported, Note
from everai_autoscaler.importing.document import KINDS, read
from everai_autoscaler.importing.section import Source

__all__ = ["KINDS", "App", "Imported", "Note", "Source", "read"]
