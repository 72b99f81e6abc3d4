"""Books of candidates: the one that ships, and a user's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.tuning import Book, Candidate


def test_the_shipped_book_has_the_designed_rules() -> None:
    """224 rules of demand ship, each with what is expected of it; the first is in force until there is evidence."""
    book = Book.shipped()

    assert 224 == len(book)
    assert {"demand"} == {one.scaler for one in book.candidates}
    assert {"rule": "1*now[1200s] + 1.5*root + 1", "min_workers": 1} == book.start.arguments


def test_the_shipped_book_has_the_rules_of_its_script() -> None:
    """The file isn't edited by hand."""
    pytest.importorskip("numba")
    from importlib.util import module_from_spec, spec_from_file_location

    import everai_autoscaler.tuning

    data = Path(everai_autoscaler.tuning.__file__).parent / "data"
    spec = spec_from_file_location("make_book", data / "make_book.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    made = [(script.text(terms), least) for terms, least in script.rules()]

    assert made == [(one.arguments["rule"], one.arguments["min_workers"]) for one in Book.shipped().candidates]


def test_a_book_is_read_as_it_was_written(tmp_path: Path) -> None:
    """What to_json() gives is what read() reads."""
    book = Book(
        [Candidate("simple", {"max_workers": 3}), Candidate("free-worker", prior={10.0: 0.5})], 1, source="ours"
    )
    (tmp_path / "book.json").write_text(json.dumps(book.to_json()))

    assert book == Book.read(tmp_path / "book.json")
    assert book.digest == Book.read(tmp_path / "book.json").digest


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ([], 'a book is an object with "candidates"'),
        ({"candidates": []}, "0 candidates; 1 to 1000"),
        ({"candidates": ["simple"]}, "candidate 0: 'simple' is not an object with \"scaler\""),
        ({"candidates": [{"scaler": "simple", "rules": 1}]}, "'rules' is not one of scaler, arguments, prior"),
        ({"candidates": [{"scaler": "simple", "arguments": 5}]}, "arguments: 5 is not an object"),
        ({"candidates": [{"scaler": "simple", "prior": {"10": 2}}]}, "prior: .* shares from 0 to 1"),
        ({"candidates": [{"scaler": "simple", "prior": {"ten": 0}}]}, "prior: .* shares from 0 to 1"),
        ({"candidates": [{"scaler": "simple"}] * 2}, "candidate 1: simple is there already, as candidate 0"),
        ({"candidates": [{"scaler": "simple"}], "start": 1}, "start: there is no candidate 1"),
        ({"candidates": [{"scaler": "simple"}], "start": "0"}, "start: '0' is not the number of a candidate"),
    ],
)
def test_what_is_no_book_is_refused_in_one_line(tmp_path: Path, given: object, why: str) -> None:
    """The line names the file, the candidate and what is accepted."""
    path = tmp_path / "book.json"
    path.write_text(json.dumps(given))

    with pytest.raises(ContractError, match=why) as caught:
        Book.read(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """So is one that isn't JSON."""
    (tmp_path / "bad.json").write_text("{")

    with pytest.raises(ContractError, match=r"none\.json: No such file"):
        Book.read(tmp_path / "none.json")
    with pytest.raises(ContractError, match=r"bad\.json: no JSON"):
        Book.read(tmp_path / "bad.json")
