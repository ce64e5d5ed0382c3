"""Questions: which are asked, what becomes of the answers. The base is not needed for that."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from prefcli.errors import DataError, UsageError
from prefcli.feedback.records import Feedback, text_prompt
from prefcli.services.ask import Asker, Question, Settings
from prefcli.services.candidates import Candidate, Pairs
from prefcli.services.ingest import ingest
from prefcli.services.question_prompts import logged_answers, prompts_to_ask
from prefcli.store import Encoding, Store

SIZE = 3


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open(home) as opened:
        yield opened


def pool(prompts: int = 6, answers: int = 4) -> list[Candidate]:
    rng = np.random.default_rng(0)
    zero = np.zeros(SIZE, "<f4").tobytes()
    return [
        Candidate(
            text_prompt(f"prompt {i}"),
            f"answer {j} to {i}",
            j < answers // 2,
            Encoding(rng.normal(size=SIZE).astype("<f4").tobytes(), zero, None, False),
        )
        for i in range(prompts)
        for j in range(answers)
    ]


def asker(store: Store, count: int = 6, plain: float = 0.25, **changes: object) -> Asker:
    given = {"pairs": Pairs.of(pool(), SIZE), "history": [], "encodings": {}} | changes
    return Asker(
        store=store,
        user="alice",
        settings=Settings(count, plain),
        space="f" * 16,
        background=np.random.default_rng(1).normal(size=(8, SIZE)),
        **given,  # type: ignore[arg-type]
    )


def sides(question: Question) -> frozenset[str]:
    return frozenset((question.a, question.b))


def test_no_two_questions_compare_the_same_answers_and_each_prompt_has_its_turn(
    store: Store,
) -> None:
    found = asker(store, 12).questions()
    assert len({(q.prompt, sides(q)) for q in found}) == 12
    assert len({q.prompt for q in found[:6]}) == len({q.prompt for q in found[6:]}) == 6


def test_a_stated_share_of_the_questions_compares_plain_samples(store: Store) -> None:
    plain = {c.response for c in pool() if c.plain}
    found = asker(store, 12, 0.25).questions()
    told = [q for q in found if q.source == "plain"]
    assert len(told) == 3
    assert all(sides(q) <= plain for q in told)
    assert {q.source for q in asker(store, 6, 0).questions()} == {"informative"}
    assert {q.source for q in asker(store, 6, 1).questions()} == {"plain"}


def test_the_first_question_has_the_most_information_of_all(store: Store) -> None:
    session = asker(store, 1, 0)
    pairs = session.pairs
    first, second = (pairs.points[pairs.index[:, side]] for side in (0, 1))
    most = session.belief.information(first, second).max()
    question = session.next()
    assert question is not None
    assert question.information == pytest.approx(most)


def test_an_answer_is_feedback_at_once_and_its_encodings_are_kept(store: Store) -> None:
    session = asker(store)
    for choice in ("a", "b", "tie", "both-bad"):
        question = session.next()
        assert question is not None
        before = store.count_encodings("f" * 16)
        session.answer(question, choice)
        assert store.count_encodings("f" * 16) == before + 2
    said = [row.feedback for row in store.feedback("alice")]
    assert [row.kind for row in said] == ["pair", "pair", "pair", "thumb", "thumb"]
    assert session.stored == 4


def test_the_choice_changes_what_is_believed(store: Store) -> None:
    session = asker(store)
    question = session.next()
    assert question is not None
    points = {c.response: session.pairs.points[i] for i, c in enumerate(session.pairs.answers)}
    session.answer(question, "b")
    mean, _ = session.belief.margins(points[question.b][None], points[question.a][None])
    assert mean[0] > 0


def test_a_line_with_a_choice_is_the_judgement_that_a_key_makes(
    store: Store, tmp_path: Path
) -> None:
    session = asker(store)
    lines = []
    for choice in ("a", "tie", "both-bad"):
        question = session.next()
        assert question is not None
        session.answer(question, choice)
        lines.append(json.dumps(question.as_dict() | {"choice": choice}))
    file = tmp_path / "answered.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    report = ingest(store, [str(file)])
    assert (report.inserted, report.duplicates, report.users) == (0, 4, ["alice"])


def test_answers_that_were_judged_before_are_not_asked_about_again(store: Store) -> None:
    answers = pool(prompts=1, answers=4)
    prompt = answers[0].prompt
    old = Feedback("alice", "pair", prompt, (answers[0].response, answers[1].response))
    key = {(a.prompt, a.response): a.encoding for a in answers}
    from prefcli.feedback.records import encoding_key

    encodings = {encoding_key(*name): encoding for name, encoding in key.items()}
    pairs = Pairs.of(answers, SIZE)
    session = asker(store, 10, pairs=pairs, history=[old], encodings=encodings)
    found = [sides(q) for q in session.questions()]
    assert len(found) == 5
    assert frozenset(old.responses) not in found
    with pytest.raises(DataError, match="--prompts FILE"):
        asker(store, pairs=Pairs.of(answers[:2], SIZE), history=[old], encodings=encodings)


def test_an_unknown_choice_and_numbers_out_of_range_are_usage_errors(store: Store) -> None:
    session = asker(store)
    question = session.next()
    assert question is not None
    with pytest.raises(UsageError, match="a, b, tie, both-bad"):
        session.answer(question, "c")
    for words in ({"questions": 0}, {"questions": 1, "plain": 2}, {"questions": 1, "answers": 2}):
        with pytest.raises(UsageError):
            Settings(**words)


def test_prompts_are_the_user_s_then_topics_and_others_only_if_asked_for(
    store: Store,
) -> None:
    rng = np.random.default_rng(0)
    rows = [("bob", "theirs"), ("alice", "mine")]
    store.add_feedback(
        (Feedback(user, "thumb", text_prompt(text), ("x",)), "f", 1) for user, text in rows
    )
    found = prompts_to_ask(store, "alice", None, "tiny", 5, rng)
    assert found[0] == text_prompt("mine")
    assert len(set(found)) == 5
    assert text_prompt("theirs") not in prompts_to_ask(store, "alice", None, "tiny", 999, rng)
    both = prompts_to_ask(store, "alice", None, "other", 5, rng, from_others=True)
    assert [p[0].content for p in both] == ["mine", "theirs"]
    with pytest.raises(DataError, match=r"carol has given no feedback yet; .* with --from-others"):
        prompts_to_ask(store, "carol", None, "other", 5, rng)


def test_only_the_log_of_the_base_and_of_the_user_is_asked_about(store: Store) -> None:
    for user, base, text in (
        (None, "tiny", "one"),
        ("alice", "tiny", "two"),
        ("bob", "tiny", "three"),
        (None, "other", "four"),
    ):
        store.log_generation(text_prompt("p"), text, base=base, user=user)
    assert logged_answers(store, "alice", "tiny") == {text_prompt("p"): {"one": True, "two": False}}
