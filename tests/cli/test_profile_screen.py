"""`profile show` for a person: what is known, no more, within 80 columns."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.cells import cell_len

from prefcli.cli import profile_screen
from prefcli.output import Output


class Terminal(io.StringIO):
    """What a command prints into when a person looks on."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


JUDGED: dict[str, Any] = {
    "id": 7,
    "user": "carol",
    "kind": "pair",
    "value": 1.0,
    "strength": None,
    "high": None,
    "prompt": [{"role": "user", "content": "How do I decorate a room with balloons and more?"}],
    "responses": ["Pick two or three colors that go well together, and hang them.", "It depends."],
    "ranks": None,
}


def profile(**changes: Any) -> dict[str, Any]:
    return {
        "profile": "carol@3",
        "user": "carol",
        "created": "2026-11-24T19:31:00.000Z",
        "space": "tiny",
        "base": "tiny",
        "bytes": 1264,
        "kinds": {"pair": 40, "thumb": 1},
        "prompts": 40,
        "origin": "fit",
        "parents": [],
        "reach": 2.5,
        "learned": {"verdict": "yes", "accuracy": 0.825, "interval": [0.7, 0.9]},
        "changes": {"new": 0, "removed": 0},
        "certainty": {
            "words": "fairly sure",
            "correlation": 0.84,
            "in_order": 0.82,
            "with_twice": 0.9,
            "next": "sure",
            "more_answers": 30,
        },
        "likes": {
            "told_by": ["answers"],
            "features": [
                {"feature": "words", "words": "shorter", "shift": -1.6, "sure": 0.99},
                {"feature": "hedges", "words": "less hedged", "shift": -0.4, "sure": 0.91},
            ],
            "words": ["well"],
            "words_against": [],
        },
        "influence": [JUDGED | {"degrees": 4.2}],
        "contradictions": [JUDGED | {"id": 9, "expected": 0.034}],
    } | changes


def shown(monkeypatch: pytest.MonkeyPatch, value: dict[str, Any], terminal: bool = False) -> str:
    stream = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    profile_screen.show(Output(), value, as_json=False)
    return stream.getvalue()


def test_a_person_reads_verdict_certainty_taste_and_judgements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = shown(monkeypatch, profile())
    lines = text.splitlines()
    assert lines[0].split() == ["profile", "carol@3"]
    for told in (
        "feedback      40 pairs, 1 thumb on 40 prompts",
        "verdict       learned something: right 82 % of the time",
        "how sure      fairly sure: it would put two of the base's answers in carol's order 82 "
        "times in 100",
        "more answers  about 30 more would make it sure",
        "Answers that carol likes are, against the base's own",
        'more of "well"',
        "4 degrees",
        "3 %",
    ):
        assert told in text
    (shorter,) = (line for line in lines if line.startswith("shorter"))
    (hedged,) = (line for line in lines if line.startswith("less hedged"))
    assert shorter.endswith("  much")
    assert hedged.endswith("  a little, probably")


@pytest.mark.parametrize("colours", [True, False])
def test_in_a_terminal_nothing_is_wider_than_it(
    monkeypatch: pytest.MonkeyPatch, colours: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not colours:
        monkeypatch.setenv("NO_COLOR", "1")
    text = shown(monkeypatch, profile(), terminal=True)
    bar = next(line for line in text.splitlines() if line.startswith("shorter"))
    assert ("\x1b[36m" in bar) is colours
    import re

    plain = re.sub("\x1b\\[[0-9;]*m", "", text)
    assert max(map(cell_len, plain.splitlines())) <= 80


def test_where_nothing_was_learned_noise_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = {"verdict": "no", "accuracy": 0.49, "interval": [0.43, 0.55]}
    text = shown(monkeypatch, profile(learned=verdict))
    assert "nothing learned: right 49 % of the time" in text
    assert "shorter" not in text
    assert "how sure" not in text


def test_little_feedback_speaks_of_what_it_looks_like(monkeypatch: pytest.MonkeyPatch) -> None:
    early = {"verdict": "too early", "accuracy": None, "interval": None}
    text = shown(monkeypatch, profile(learned=early))
    assert "too early to tell" in text
    assert "So far it looks as if answers that carol likes are" in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"new": 3, "removed": 1}, "; since then 3 more and 1 removed: prefcli fit --user carol"),
        ({"new": 0, "removed": 2}, "; since then 2 removed: prefcli fit --user carol"),
        ({"new": 0, "removed": None}, "40 prompts\n"),
    ],
)
def test_feedback_that_changed_is_told(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, int | None], told: str
) -> None:
    assert told in shown(monkeypatch, profile(changes=changes))


def test_an_older_profile_and_one_without_judgements_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = {"certainty": None, "influence": None, "contradictions": None}
    text = shown(monkeypatch, profile(learned=None, **gone))
    assert "not measured: fit again" in text
    assert "are not all here" in text
    assert "What counts most" not in text


@pytest.mark.parametrize(
    ("more", "told"),
    [(0, "would change little"), (None, "hundreds"), (25, "about 25 more would make it sure")],
)
def test_how_many_more_answers_would_help(
    monkeypatch: pytest.MonkeyPatch, more: int | None, told: str
) -> None:
    sure = profile()["certainty"] | {"more_answers": more}
    assert told in shown(monkeypatch, profile(certainty=sure))


UNMEASURED: dict[str, Any] = {"certainty": None, "influence": None, "contradictions": None}


def test_the_paper_s_method_and_a_half_life_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(monkeypatch, profile(method="latent-dpo", half_life=30.0, **UNMEASURED))
    rows = [line.split(maxsplit=1) for line in text.splitlines()]
    assert ["method", "latent-dpo"] in rows
    assert ["half-life", "30 days"] in rows
    assert "latent-dpo says nothing of it" in text
    assert "fit again" not in text


@pytest.mark.parametrize("origin", ["blend", "copy", "import"])
def test_nobody_is_sent_to_fit_a_profile_whose_judgements_are_another_s(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    made = {"origin": origin, "parents": ["alice@3=0.7", "bob@3=0.3"], "learned": None}
    gone = {"new": 0, "removed": 40}
    text = shown(monkeypatch, profile(changes=gone, **made, **UNMEASURED))
    assert f"{origin} of alice@3=0.7, bob@3=0.3" in text
    assert "not measured: this is no fit" in text
    assert "fit again" not in text
    assert "prefcli fit" not in text


def test_the_verdict_on_a_profile_is_not_given_to_its_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"origin": "edit", "parents": ["carol@2"], "edited": {"toward": 1}}
    text = shown(monkeypatch, profile(**made, **UNMEASURED))
    assert "before the edit, learned something" in text
    assert "the examples of an edit are no judgements" in text
