"""JSON documents out of a stream."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler.cli.options.documents import Layout, documents

VALUES = st.recursive(
    st.integers() | st.text() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5)


@given(OBJECTS, st.booleans())
def test_lines_come_out_as_they_went_in(objects, blank):
    """A stream of one document a line yields each of them, with the number of its line."""
    lines = [json.dumps(one).encode() + b"\n" for one in objects]
    stream = [part for line in lines for part in ([b"\n", line] if blank else [line])]

    expected = [((2 * n + 2 if blank else n + 1), line) for n, line in enumerate(lines)]
    assert expected == list(documents(stream)) == list(documents(stream, Layout.LINES))


@given(st.lists(st.dictionaries(st.text(), VALUES, min_size=1, max_size=4), min_size=1, max_size=4))
def test_indented_documents_come_out_one_by_one(objects):
    """Documents over several lines are told apart, too."""
    stream = [line for one in objects for line in json.dumps(one, indent=2).encode().splitlines(keepends=True)]
    stream = [line if line.endswith(b"\n") else line + b"\n" for line in stream]

    assert objects == [json.loads(text) for _, text in documents(stream)]


def test_a_byte_order_mark_is_no_part_of_the_document():
    """What some editors put before the first line isn't JSON, and goes."""
    assert [(1, b"{}\n")] == list(documents([b"\xef\xbb\xbf{}\n"]))


def test_a_bad_first_line_does_not_swallow_the_stream():
    """Only a first line that is good as far as it goes begins a document over several lines."""
    assert [(1, b'{"a": oops}\n'), (2, b"{}\n")] == list(documents([b'{"a": oops}\n', b"{}\n"]))


def test_what_never_ends_is_handed_on_as_it_is():
    """A document that is cut off is its reader's to refuse, with the line on which it begins."""
    assert [(2, b'{\n"a": 1\n')] == list(documents([b"\n", b"{\n", b'"a": 1\n']))


@pytest.mark.parametrize("line", [b"[" * 200_000, b'{"a": ' + b"9" * 5000 + b"}"])
def test_what_python_refuses_to_read_is_a_line_like_any_other(line):
    """Nesting and numbers without end are handed on, and the stream goes on."""
    assert [1, 2] == [number for number, _ in documents([line + b"\n", b"{}\n"])]
