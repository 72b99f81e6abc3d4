"""The one logger: structlog events on the standard library's ``everai_autoscaler``, silent until it is configured.

structlog is imported when the first event is really wanted, so that importing this package stays cheap.
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from functools import cache
from typing import Any

__all__ = ["SILENT", "emit"]

LOGGER = logging.getLogger("everai_autoscaler")
LOGGER.addHandler(logging.NullHandler())
SILENT = LOGGER.getChild("silent")
"""For a library that would log what others do wrong, with tracebacks: a malformed request, say."""
SILENT.setLevel(logging.CRITICAL + 1)


def emit(level: int, event: str, **fields: object) -> None:
    """Log *event* with its *fields* at *level* (a number of the ``logging`` module).

    The message reads ``decided scaler='simple' up=1 ...``; the fields themselves ride on the log record as
    ``record.event_dict``, for formatters that want them as data.
    """
    if LOGGER.isEnabledFor(level):
        _structured().log(level, event, **fields)


@cache
def _structured() -> Any:  # structlog's bound loggers are Any by design
    import structlog

    # Wrapped explicitly: structlog's own defaults print to standard output, and a library configures nothing.
    return structlog.wrap_logger(
        LOGGER, processors=[_as_log_record], wrapper_class=structlog.stdlib.BoundLogger, cache_logger_on_first_use=True
    )


def _as_log_record(
    _logger: object, _method: str, event_dict: MutableMapping[str, Any]
) -> tuple[tuple[str, str], dict[str, Any]]:
    fields = {name: value for name, value in event_dict.items() if name != "event"}
    words = [str(event_dict["event"]), *(f"{name}={value!r}" for name, value in fields.items())]
    return ("%s", " ".join(words)), {"extra": {"event_dict": {"event": event_dict["event"], **fields}}}
