"""Answers in JSON; of whatever went wrong, one line."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic_core import to_jsonable_python

from everai_autoscaler.errors import AutoscalerError, StateError, UnknownNameError, describe_error
from everai_autoscaler.log import emit
from everai_autoscaler.words import printable

__all__ = ["RefusedError", "json_answer", "json_text", "problem", "problem_of"]


class RefusedError(Exception):
    """A request that can't be answered: why, in one line, and the HTTP status that says so."""

    def __init__(self, why: str, *, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


def json_answer(data: Any, *, status: int = 200) -> web.Response:
    """*data*, which may hold pydantic models, as JSON."""
    return web.Response(text=json_text(data), content_type="application/json", status=status)


def json_text(data: Any) -> str:
    """*data*, which may hold pydantic models, as one line of JSON in ASCII."""
    return json.dumps(data, separators=(",", ":"), default=to_jsonable_python)


def problem(status: int, why: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The answer that says *why* there is no other, in one line."""
    response = json_answer({"error": printable(why, instead=" ")}, status=status)
    response.headers.update(headers or {})
    return response


def problem_of(request: web.Request, error: Exception) -> web.Response:
    """The answer that says which *error* kept *request* from being answered."""
    path = request.path[:100]
    match error:
        case RefusedError():
            return problem(error.status, str(error))
        case web.RequestPayloadError():
            return problem(400, f"the body can't be read: {error}")
        case web.HTTPRequestEntityTooLarge():
            return problem(413, f"the body is larger than {request.client_max_size} bytes")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return problem(405, f"{path} takes {allowed}, not {request.method}", {"Allow": allowed})
        case web.HTTPException():
            return problem(error.status, f"{path}: {error.reason}")
        case UnknownNameError():
            return problem(404, str(error))
        case StateError():
            return problem(503, str(error))
        case AutoscalerError():
            return problem(400, str(error))
    why = describe_error(error)
    emit(logging.ERROR, "request_failed", path=path, error=why)
    return problem(500, why)
