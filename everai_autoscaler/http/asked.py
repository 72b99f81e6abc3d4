"""What a request to the admin side says, taken as it is or refused in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from everai_autoscaler.errors import UnknownNameError

__all__ = ["RefusedError", "body_of", "data_of", "moment", "one_line", "shown", "text_of", "whole"]

LONGEST_REASON = 500


class RefusedError(Exception):
    """What was asked for can't be answered."""

    def __init__(self, why: str, *, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


async def body_of(request: web.Request, *fields: str) -> dict[str, Any]:
    """The JSON object that was sent, which has no other *fields*; an empty body is an empty one."""
    text = await request.read()
    try:
        given = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the body is no JSON: {one_line(error)}") from error
    if not isinstance(given, dict):
        raise RefusedError(f"the body is a {type(given).__name__}, not an object")
    for field in given:
        if field not in fields:
            raise RefusedError(str(UnknownNameError.of("field", field, fields)))
    return given


def data_of(given: Mapping[str, Any]) -> dict[str, str]:
    """What a ConfigMap is to hold."""
    data = given.get("data")
    if not isinstance(data, dict):
        raise RefusedError('the body is to be {"data": {key: value, ...}}')
    for key, value in data.items():
        if not isinstance(value, str):
            raise RefusedError(f"{key}: {shown(value)} is not text; write it in quotation marks")
    return data


def text_of(given: Mapping[str, Any], field: str) -> str:
    """What that *field* says, on one line; empty when it isn't there."""
    text = given.get(field)
    if text is None:
        return ""
    if not isinstance(text, str) or len(text) > LONGEST_REASON or not _is_unicode(text):
        raise RefusedError(f"{field}: {shown(text)} is not text of at most {LONGEST_REASON} characters")
    return one_line(text)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def whole(given: str, what: str, least: int, most: int) -> int:
    """*given* as a whole number within bounds; *what* it says is named where it isn't."""
    if given.isascii() and given.isdigit() and len(given) <= 19 and least <= int(given) <= most:
        return int(given)
    raise RefusedError(f"{what}: {shown(given)} is not a whole number from {least} to {most}")


def moment(given: str, what: str) -> float:
    """*given* as epoch seconds."""
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if 0 <= seconds < 1e12:
        return seconds
    raise RefusedError(f"{what}: {shown(given)} is not a moment in epoch seconds")


def one_line(text: object) -> str:
    """*text* on one line, without what a terminal would take for more than text."""
    return " ".join("".join(one if one.isprintable() else " " for one in str(text)).split())


def shown(value: object) -> str:
    """*value* as it stands in an error: not longer than helps."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
