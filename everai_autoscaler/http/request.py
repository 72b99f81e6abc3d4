"""What a request says: each value is taken as it is, or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from everai_autoscaler.errors import UnknownNameError, words_of
from everai_autoscaler.http.answer import RefusedError
from everai_autoscaler.words import printable

__all__ = ["json_object", "moment", "shown", "text", "whole"]

LONGEST_TEXT = 500


async def json_object(request: web.Request, *fields: str) -> dict[str, Any]:
    """The JSON object in the body, which may have these *fields* only; an empty body is an empty object."""
    body = await request.read()
    try:
        given = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the body is no JSON: {words_of(error)}") from error
    if not isinstance(given, dict):
        raise RefusedError(f"the body is a {type(given).__name__}, not an object")
    for field in given:
        if field not in fields:
            raise RefusedError(str(UnknownNameError.of("field", field, fields)))
    return given


def text(given: Mapping[str, Any], field: str) -> str:
    """The text of that *field*, on one line; empty when the field is missing."""
    value = given.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or not _is_unicode(value):
        raise RefusedError(f"{field}: {shown(value)} is not text of at most {LONGEST_TEXT} characters")
    return printable(value, instead=" ")


def whole(given: str, what: str, least: int, most: int) -> int:
    """*given* as a whole number within bounds; *what* is its name in the error."""
    if given.isascii() and given.isdigit() and len(given) <= 19 and least <= int(given) <= most:
        return int(given)
    raise RefusedError(f"{what}: {shown(given)} is not a whole number from {least} to {most}")


def moment(given: str, what: str) -> float:
    """*given* as epoch seconds; *what* is its name in the error."""
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds < 1e12:
        return seconds
    raise RefusedError(f"{what}: {shown(given)} is not a moment in epoch seconds")


def shown(value: object) -> str:
    """*value* as an error shows it, shortened where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
