from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
from prefcli.feedback.records import Feedback
from prefcli.services.ingest import IngestReport, ingest
from prefcli.store import Store

PAIR = {"prompt": "What is the sky?", "chosen": "Blue.", "rejected": "Green."}
THUMB = {"prompt": "What is the sky?", "completion": "Blue.", "label": True}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


def pair(number: int, **more: Any) -> dict[str, Any]:
    return {**PAIR, "prompt": f"question {number}", **more}


def write(path: Path, rows: Iterable[Any]) -> str:
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return str(path)


def stored(store: Store) -> list[Feedback]:
    return [row.feedback for row in store.feedback()]


def balanced(report: IngestReport) -> bool:
    return report.read == report.inserted + report.duplicates + report.ties + report.rejected


# Good files --------------------------------------------------------------------------------------


def test_judgements_enter_with_their_user_source_and_line(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), "", pair(2)])
    report = ingest(store, [path], user="alice")
    assert report.as_dict() == {
        "read": 2,
        "inserted": 2,
        "duplicates": 0,
        "ties": 0,
        "rejected": 0,
        "users": ["alice"],
        "formats": ["trl-preference"],
        "warnings": [],
    }
    rows = list(store.feedback())
    assert [(row.source, row.line) for row in rows] == [(path, 1), (path, 3)]
    assert {row.feedback.user for row in rows} == {"alice"}


def test_ingesting_twice_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), pair(2), pair(1)])
    assert ingest(store, [path], user="alice").inserted == 2
    before = stored(store)
    report = ingest(store, [path, path], user="alice")
    assert (report.read, report.inserted, report.duplicates) == (6, 0, 6)
    assert stored(store) == before
    assert ingest(store, [path], user="bob").inserted == 2


def test_a_row_with_its_own_id_is_its_own_judgement(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, id=1), pair(1, id=2), pair(1, id=2)])
    report = ingest(store, [path], user="alice")
    assert (report.inserted, report.duplicates) == (2, 1)


def test_each_row_may_name_its_user(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, by="zoe"), pair(2, by=7), pair(3, by="zoe")])
    report = ingest(store, [path], user_field="by")
    assert report.users == ["7", "zoe"]
    assert [one.user for one in stored(store)] == ["zoe", "7", "zoe"]


def test_files_of_different_kinds_enter_together(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(tmp_path / "x.jsonl", [pair(1)])
    table = tmp_path / "y.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([["prompt", "completion", "label"], ["a", "b\nc", "false"]])
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(json.dumps([pair(2)]).encode())))
    )
    report = ingest(store, [first, str(table), "-"], user="alice")
    assert report.formats == ["trl-preference", "trl-unpaired"]
    assert report.inserted == 3
    rows = list(store.feedback())
    assert [row.source for row in rows] == [first, str(table), "stdin"]
    assert rows[1].feedback.responses == ("b\nc",)
    assert rows[1].feedback.value == 0.0


def test_a_table_of_conversations_gives_the_same_judgements_as_json(
    store: Store, tmp_path: Path
) -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows = [{"messages": messages, "label": label} for label in (True, False)]
    table = tmp_path / "x.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["messages", "label"])
        writer.writerows([json.dumps(row["messages"]), row["label"]] for row in rows)
    assert ingest(store, [write(tmp_path / "x.jsonl", rows)], user="alice").inserted == 2
    assert ingest(store, [str(table)], user="alice").duplicates == 2


def test_two_identical_answers_are_counted_and_not_stored(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, rejected="Blue."), pair(2)])
    report = ingest(store, [path], user="alice")
    assert (report.ties, report.inserted) == (1, 1)
    assert "1 pair has two identical answers" in report.warnings[0]
    assert len(stored(store)) == 1


def test_an_empty_answer_is_data_with_a_warning(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1, chosen=""), pair(2, rejected=" "), pair(3)])
    report = ingest(store, [path], user="alice")
    assert report.inserted == 3
    assert report.warnings == [f"2 judgements have an empty answer, the first in {path}:1"]


def test_a_prompt_that_was_inferred_is_said(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"chosen": "Sky: blue", "rejected": "Sky: green"}])
    assert "'prompt'" in ingest(store, [path], user="alice").warnings[0]


def test_progress_tells_the_rows_read(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(number) for number in range(1200)])
    told: list[tuple[str, int, int | None]] = []
    ingest(store, [path], user="alice", progress=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == [500, 1000, 1200]


def test_rows_flow_into_the_store_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(number) for number in range(10_000)])
    read: list[int] = []

    class Impatient:
        def add_feedback(self, rows: Iterable[Any], _details: Any) -> tuple[int, int]:
            next(iter(rows))
            return 1, 0

    store: Any = Impatient()
    report = ingest(store, [path], user="alice", progress=lambda *step: read.append(step[1]))
    assert report.read == 1
    assert read == []


# Users -------------------------------------------------------------------------------------------


def turns(*scores: Any, user: Any = "user3") -> dict[str, Any]:
    """A row of PRISM: one question and its scored answers."""
    answers = [
        {"turn": 0, "role": "model", "content": f"a{at}", "score": score, "if_chosen": at == 0}
        for at, score in enumerate(scores)
    ]
    asked = {"turn": 0, "role": "user", "content": "Why?"}
    return {"user_id": user, "conversation_id": "c1", "conversation_history": [asked, *answers]}


def test_a_format_names_its_users_itself(store: Store, tmp_path: Path) -> None:
    worker = {"summaries": [{"text": "a"}, {"text": "b"}], "info": {"post": "x"}, "choice": 0}
    transcript = "\n\nHuman: x\n\nAssistant: y"
    attack = {"transcript": transcript, "rating": 1, "red_team_member_id": 12}
    files = {
        "compared": [{**worker, "worker": name} for name in ("w1", "w2")],
        "attacked": [attack],
        "talked": [turns(90, 10)],
    }
    sources = [write(tmp_path / f"{name}.jsonl", rows) for name, rows in files.items()]
    report = ingest(store, sources)
    assert report.users == ["12", "user3", "w1", "w2"]
    assert report.inserted == 5
    with pytest.raises(DataError, match=r"1 of 1 rows") as caught:
        ingest(store, [write(tmp_path / "x.jsonl", [turns(1, user=None)])])
    assert "field 'user_id': expected a user's name, came null" in caught.value.details[0]


def test_a_row_of_several_judgements_enters_whole_or_not_at_all(
    store: Store, tmp_path: Path
) -> None:
    path = write(tmp_path / "x.jsonl", [turns(90, 10), turns(50, 101), turns(40, "x")])
    report = ingest(store, [path], skip_bad=True, rejects=tmp_path / "bad.jsonl")
    assert (report.read, report.inserted, report.rejected) == (3, 2, 2)
    assert [one.value for one in stored(store)] == [90, 10]
    assert len((tmp_path / "bad.jsonl").read_text("utf-8").splitlines()) == 2


def test_an_ingest_is_noted_with_its_sources_and_counts(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [pair(1), pair(1), pair(2, rejected="Blue.")])
    ingest(store, [path], user="alice")
    ingest(store, [path], user="alice")
    assert {row.ingest for row in store.feedback()} == {1}
    first, second = sqlite3.connect(store.home / "catalog.db").execute(
        "SELECT id, first, last, inserted, duplicates, details FROM ingests"
    )
    details = {
        "sources": [path],
        "formats": ["trl-preference"],
        "read": 3,
        "ties": 1,
        "rejected": 0,
    }
    assert (first[:5], json.loads(first[5])) == ((1, 1, 1, 1, 1), details)
    assert second[:5] == (2, None, None, 0, 2)


def test_a_directory_a_pattern_and_an_archive_enter_together(store: Store, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    write(tmp_path / "logs" / "a.jsonl", [pair(1)])
    write(tmp_path / "logs" / "b.jsonl", [pair(2)])
    (tmp_path / "logs" / "notes.md").write_text("x")
    archive = tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("thumbs.json", json.dumps([THUMB]))
        file.writestr("pairs.jsonl", json.dumps(pair(3)) + "\n")
    pattern = str(tmp_path / "*" / "a.*")
    report = ingest(store, [pattern, str(tmp_path / "logs"), str(archive)], user="alice")
    assert (report.read, report.inserted) == (4, 4)
    assert report.formats == ["trl-preference", "trl-unpaired"]
    assert report.warnings == [
        f"{tmp_path}/logs: 1 file is no feedback by name and not read: notes.md"
    ]
    assert [(row.source, row.line) for row in store.feedback()][2:] == [
        (f"{archive}/thumbs.json", 1),
        (f"{archive}/pairs.jsonl", 1),
    ]


def test_a_file_in_windows_1252_gives_the_same_judgements_as_in_utf8(
    store: Store, tmp_path: Path
) -> None:
    rows = [pair(number, chosen="Caf\u00e9 \u2014 d\u00e9j\u00e0 vu") for number in range(40)]
    path = tmp_path / "old.jsonl"
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_bytes(text.encode("cp1252"))
    report = ingest(store, [str(path)], user="alice")
    assert report.warnings == [f"{path} is not UTF-8: read as Windows-1252 (cp1252)"]
    assert ingest(store, [write(tmp_path / "new.jsonl", rows)], user="alice").duplicates == 40


def test_packed_data_that_is_cut_adds_nothing(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    lines = (json.dumps(pair(number, chosen=os.urandom(30).hex())) for number in range(20_000))
    data = gzip.compress("\n".join(lines).encode())
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"after line \d+ \(\d+ rows read\)"):
        ingest(store, [str(path)], user="alice", skip_bad=True)
    assert stored(store) == []


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


def test_hh_rlhf_enters_whole_and_once(store: Store, shared_data: Path) -> None:
    path = shared_data / "hh_rlhf_harmless_test" / "harmless-base" / "test.jsonl.gz"
    report = ingest(store, [str(path)], user="alice")
    assert (report.read, report.inserted, report.duplicates) == (2312, 2312, 0)
    assert (report.ties, report.rejected, report.formats) == (0, 0, ["hh-rlhf"])
    assert report.warnings == [f"4 judgements have an empty answer, the first in {path}:87"]
    assert ingest(store, [str(path)], user="alice").duplicates == 2312


def test_the_llamafactory_demos_enter_together(store: Store, shared_data: Path) -> None:
    paths = [
        str(shared_data / "llamafactory_demo" / f"{kind}_en_demo.json") for kind in ("dpo", "kto")
    ]
    report = ingest(store, paths, user="alice")
    assert (report.read, report.inserted, report.duplicates) == (600, 595, 5)
    assert report.formats == ["sharegpt-preference", "sharegpt-kto"]
