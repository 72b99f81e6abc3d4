"""What the router relies on in aiohttp without aiohttp's promise: why its minor version is bound."""

from __future__ import annotations

import inspect
import re
from importlib.metadata import requires

import pytest
from aiohttp import StreamReader, client_proto, http, web, web_protocol


@pytest.mark.parametrize("name", ["transport", "read", "set_response_params", "should_close", "set_exception"])
def test_a_client_connection_can_be_had_without_a_session(name: str) -> None:
    """``Connection`` sends through the protocol's transport and reads answers from its parser."""
    assert hasattr(client_proto.ResponseHandler, name)


@pytest.mark.parametrize("name", ["data_received", "connection_lost"])
def test_a_client_connection_hears_of_each_event(name: str) -> None:
    """``Connection`` is called before aiohttp's own protocol with every byte, and when it is lost."""
    assert callable(getattr(client_proto.ResponseHandler, name))


def test_answers_are_parsed_as_the_router_asks_for() -> None:
    """Without a body for HEAD, to the end of the connection where there is no length, and as they came."""
    parameters = inspect.signature(client_proto.ResponseHandler.set_response_params).parameters

    assert {"skip_payload", "read_until_eof", "auto_decompress", "read_bufsize"} <= parameters.keys()


@pytest.mark.parametrize("name", ["version", "code", "reason", "headers", "raw_headers", "chunked"])
def test_an_answers_head_has_its_parts(name: str) -> None:
    """``answer_head`` passes on the headers as they are on the wire."""
    assert hasattr(http.RawResponseMessage, name)


@pytest.mark.parametrize("name", ["is_eof", "exception", "set_exception", "read_nowait", "readany"])
def test_a_stream_can_be_read_at_once_and_ended(name: str) -> None:
    """A whole answer is passed on in one write; one that broke is ended with the reason."""
    assert callable(getattr(StreamReader, name))


@pytest.mark.parametrize("name", ["enable_chunking", "write", "write_eof"])
def test_a_body_is_written_to_a_protocol(name: str) -> None:
    """``Body`` frames what it passes on with the writer of aiohttp's client."""
    assert callable(getattr(http.StreamWriter, name))


@pytest.mark.parametrize("name", ["task", "writer", "protocol", "transport", "raw_headers", "raw_path", "keep_alive"])
def test_a_request_has_its_connection(name: str) -> None:
    """``Exchange`` writes the answer itself, past aiohttp's responses."""
    assert hasattr(web.BaseRequest, name)


@pytest.mark.parametrize("name", ["auto_decompress", "read_bufsize", "keepalive_timeout", "lingering_time"])
def test_a_server_takes_the_routers_options(name: str) -> None:
    """A body is passed on as it came; a client that falls silent is hung up on."""
    assert name in inspect.signature(web_protocol.RequestHandler).parameters


def test_a_complaint_of_the_parser_waits_for_the_next_request() -> None:
    """``_messages``: the router looks for it there, since the reader of the present body isn't told."""
    assert "_messages" in web_protocol.RequestHandler.__slots__


def test_an_answer_that_is_written_says_whether_its_connection_stays() -> None:
    """``_keep_alive`` of ``KEPT``, which the server reads after each answer."""
    answer = web.StreamResponse()
    answer._keep_alive = True

    assert answer.keep_alive is True


def test_the_minor_version_is_bound() -> None:
    """To those that all of this was tested with."""
    (bound,) = {found for one in requires("everai-autoscaler") or () if (found := re.match(r"aiohttp([^;]*)", one))}

    assert {"<3.15", ">=3.14"} == {one.strip() for one in bound[1].split(",")}
