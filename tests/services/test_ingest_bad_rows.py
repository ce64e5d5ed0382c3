"""What ingest does with bad rows, damaged files and arguments that do not fit."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.services.ingest import ingest
from prefcli.store import Store
from tests.services.pairs import PAIR, balanced, pair, stored, write


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


# Bad rows ----------------------------------------------------------------------------------------


def test_one_bad_row_keeps_everything_out_and_every_bad_line_is_listed(
    store: Store, tmp_path: Path
) -> None:
    good = write(tmp_path / "good.jsonl", [pair(number) for number in range(5)])
    bad = write(
        tmp_path / "bad.jsonl",
        [pair(1), pair(2, chosen=None), "{oops", pair(3, prompt=" "), pair(4), "[]"],
    )
    with pytest.raises(DataError) as caught:
        ingest(store, [good, bad, good], user="alice")
    assert caught.value.message.startswith("4 of 16 rows are bad and nothing was added")
    assert caught.value.details[0] == f"{bad}:2: field 'chosen': expected text, came null"
    assert caught.value.details[1].startswith(f"{bad}:3: not JSON")
    assert caught.value.details[2] == f"{bad}:4: prompt is empty, expected text or messages"
    assert caught.value.details[3].startswith(f"{bad}:6: expected a JSON object")
    assert stored(store) == []
    assert ingest(store, [good], user="alice").inserted == 5


def test_a_row_without_its_user_is_a_bad_row(store: Store, tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl",
        [pair(1, by="zoe"), pair(2), pair(3, by=""), pair(4, by=None), pair(5, by="a b")],
    )
    with pytest.raises(DataError) as caught:
        ingest(store, [path], user_field="by")
    assert [detail.split(": ", 1)[1] for detail in caught.value.details[:3]] == [
        "field 'by': expected a user's name, came nothing (the row has no such field)",
        "field 'by': expected a user's name, came empty text",
        "field 'by': expected a user's name, came null",
    ]
    assert "field 'by': user name 'a b'" in caught.value.details[3]


def test_the_faults_before_an_unknown_format_are_listed(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", ["oops", {"a": 1}])
    with pytest.raises(DataError, match="no known format") as caught:
        ingest(store, [path], user="alice")
    assert caught.value.message.startswith(path)
    assert [detail.split(": ")[0] for detail in caught.value.details] == [f"{path}:1"]


def test_a_file_of_nothing_but_bad_rows_lists_them_all(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", ["{oops"] * 3000)
    with pytest.raises(DataError, match="3000 of 3000 rows") as caught:
        ingest(store, [path], user="alice")
    assert len(caught.value.details) == 3000


def test_a_named_format_is_not_looked_for(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"chosen": "a b", "rejected": "a c"}])
    with pytest.raises(DataError) as caught:
        ingest(store, [path], user="alice", format="trl-preference")
    assert "field 'prompt': expected text, came nothing" in caught.value.details[0]


# Keeping the good rows ---------------------------------------------------------------------------


def test_skip_bad_keeps_the_good_rows_and_saves_the_others_as_they_came(
    store: Store, tmp_path: Path
) -> None:
    bad = [b'{"prompt": "a",\t"chosen": 1}\r\n', b"\x81{\n", b"{oops"]
    good = [json.dumps(pair(number)).encode() + b"\n" for number in range(2)]
    path = tmp_path / "x.jsonl"
    path.write_bytes(good[0] + bad[0] + bad[1] + good[1] + bad[2])
    rejects = tmp_path / "rejects.jsonl"
    rejects.write_text("from an earlier run")
    report = ingest(store, [str(path)], user="alice", skip_bad=True, rejects=rejects)
    assert (report.read, report.inserted, report.rejected) == (5, 2, 3)
    assert report.warnings == ["3 bad rows were left out"]
    assert rejects.read_bytes() == b"".join(bad) + b"\n"


def test_saved_csv_rows_can_be_mended_and_read_again(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b'prompt,chosen,rejected\r\na,b,c\r\n"d\r\ne",f\r\ng,h,i\r\nx\r\n')
    rejects = tmp_path / "rejects.csv"
    report = ingest(store, [str(path)], user="alice", skip_bad=True, rejects=rejects)
    assert (report.inserted, report.rejected) == (2, 2)
    assert rejects.read_bytes() == b'prompt,chosen,rejected\r\n"d\r\ne",f\r\nx\r\n'
    rejects.write_bytes(rejects.read_bytes().replace(b",f", b",f,g").replace(b"x\r", b"x,k,l\r"))
    assert ingest(store, [str(rejects)], user="alice").inserted == 2


def test_the_rejects_file_is_empty_when_all_rows_are_good(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1)])
    rejects = tmp_path / "rejects"
    ingest(store, [path], user="alice", skip_bad=True, rejects=rejects)
    assert rejects.read_bytes() == b""


def test_skip_bad_with_no_good_row_adds_nothing_and_says_so(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", ["{oops"])
    report = ingest(store, [path], user="alice", skip_bad=True)
    assert (report.read, report.rejected, report.formats) == (1, 1, [])


# Arguments and files -----------------------------------------------------------------------------


def test_arguments_that_do_not_fit_are_usage_errors(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [PAIR])
    rejects = tmp_path / "rejects"
    cases: list[tuple[list[str], dict[str, Any], str]] = [
        ([], {"user": "a"}, "nothing to ingest"),
        (["-", "-"], {"user": "a"}, "more than once"),
        ([path], {}, "--user NAME"),
        ([path], {"user": "a", "user_field": "b"}, "--user and --user-field exclude each other"),
        ([path], {"user": "a", "user_pattern": "(?P<user>x)"}, "exclude each other"),
        ([path], {"user_pattern": "x"}, "expected a group named user"),
        ([path], {"user_pattern": "("}, "no regular expression"),
        ([path], {"user": "a", "map_user": {"a": "b c"}}, "--map-user: user name 'b c'"),
        ([path], {"user": "a b"}, "--user: user name 'a b'"),
        ([path], {"user": ""}, "--user: user name ''"),
        ([path], {"user": "a", "rejects": rejects}, "--rejects needs --skip-bad"),
        ([path], {"user": "a", "rejects": tmp_path, "skip_bad": True}, "expected a file"),
        ([path], {"user": "a", "rejects": rejects / "x", "skip_bad": True}, "expected a file"),
        ([path], {"user": "a", "rejects": Path(path), "skip_bad": True}, "also a source"),
        ([path], {"user": "a", "format": "x"}, "no such format"),
    ]
    for sources, arguments, said in cases:
        with pytest.raises(UsageError, match=said):
            ingest(store, sources, **arguments)
    assert json.loads(Path(path).read_text()) == PAIR
    assert stored(store) == []


def test_a_missing_or_damaged_file_keeps_everything_out(store: Store, tmp_path: Path) -> None:
    good = write(tmp_path / "x.jsonl", [pair(1)])
    with pytest.raises(NotFoundError, match=r"none\.jsonl: no such file"):
        ingest(store, [good, str(tmp_path / "none.jsonl")], user="alice")
    cut = tmp_path / "cut.gz"
    lines = "".join(json.dumps(pair(number)) + "\n" for number in range(3000))
    cut.write_bytes(gzip.compress(lines.encode())[:-20])
    with pytest.raises(DataError, match="cut off or damaged"):
        ingest(store, [good, str(cut)], user="alice", skip_bad=True)
    assert stored(store) == []


# Properties --------------------------------------------------------------------------------------

texts = st.text(max_size=4)
answers = st.none() | st.integers() | texts | st.lists(st.dictionaries(texts, texts), max_size=1)
parts = {"prompt": answers, "chosen": answers, "rejected": answers}
lines = st.one_of(
    st.fixed_dictionaries(parts, optional={"id": answers}).map(
        lambda row: json.dumps(row).encode()
    ),
    st.binary(max_size=6).filter(lambda data: b"\0" not in data),
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(lines, max_size=6))
def test_a_row_is_stored_or_rejected_and_never_both(
    store: Store, tmp_path: Path, written: list[bytes]
) -> None:
    path, rejects = tmp_path / "x.jsonl", tmp_path / "rejects"
    path.write_bytes(b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n' + b"\n".join(written))
    before = len(stored(store))
    words = {"user": "alice", "format": "trl-preference"}  # found anew, it could be another one
    try:
        report = ingest(store, [str(path)], **words, skip_bad=True, rejects=rejects)
    except PrefcliError:
        assert len(stored(store)) == before
        return
    assert balanced(report)
    assert len(stored(store)) == before + report.inserted
    raw = rejects.read_bytes()
    if report.rejected:
        # What was left out is bad on its own too: it adds nothing when it is read again.
        rejects.write_bytes(b'{"prompt": "a", "chosen": "b", "rejected": "c"}\n' + raw)
        again = ingest(store, [str(rejects)], **words, skip_bad=True)
        assert (again.inserted, again.rejected) == (0, report.rejected)
    strict = None
    try:
        strict = ingest(store, [str(path)], **words)
    except DataError as error:
        assert len(error.details) == report.rejected
    assert (strict is None) == bool(report.rejected)
