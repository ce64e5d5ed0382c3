"""Each feature goes up when its thing is added, and stays when something else is."""

from __future__ import annotations

import pytest

from prefcli.latent.surface import BY_NAME, FEATURES, sentences, words

PLAIN = "Rinse the rice well. Boil some water for it. Then wait a while."

ADDED = {
    "words": PLAIN + " Stir once with care.",
    "sentences": PLAIN.replace("well. Boil", "well. Wait. Boil"),
    "lines": PLAIN.replace(". ", ".\n"),
    "list_items": "- " + PLAIN.replace(". ", ".\n- "),
    "numbered_items": "1. Rinse it.\n2. Boil it.",
    "numerals": PLAIN.replace("some water", "3 cups"),
    "questions": PLAIN.replace("while.", "while?"),
    "exclamations": PLAIN.replace("while.", "while!"),
    "emoji": PLAIN + " 🍚",
    "quotations": PLAIN.replace("Then wait", '"Then wait," she said,'),
    "first_person": PLAIN.replace("Boil", "I boil"),
    "second_person": PLAIN.replace("the rice", "your rice"),
    "hedges": PLAIN.replace("Boil", "Perhaps boil"),
    "capitals": PLAIN.replace("the rice", "THE RICE"),
    "variety": PLAIN.replace("for it", "gently there").replace("Then wait a while", "Drain"),
    "word_length": PLAIN.replace("wait", "deliberate"),
    "commas": PLAIN.replace("Then wait", "Then, at last, wait"),
}


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES])
def test_a_feature_goes_up_when_its_thing_is_added(name: str) -> None:
    measure = BY_NAME[name].measure
    before = PLAIN if name != "variety" else PLAIN.replace("for it", "for the rice")
    assert measure(ADDED[name]) > measure(before)


MARKS = ("questions", "exclamations", "emoji", "quotations", "numerals", "list_items", "hedges")


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_is_counted_by_its_own_feature_alone(name: str) -> None:
    found = {other for other in MARKS if BY_NAME[other].measure(ADDED[name]) > 0}
    assert found == {name}


@pytest.mark.parametrize("text", ["", " \n", "🙂", "...", "1.\n2."])
def test_every_feature_is_a_number_for_any_text(text: str) -> None:
    assert all(feature.measure(text) >= 0 for feature in FEATURES)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't over-salt it.", ["Don't", "over-salt", "it"]),
        ("水を沸かす。", list("水を沸かす")),
        ("Über 20 Äpfel_und", ["Über", "20", "Äpfel", "und"]),
    ],
)
def test_words_are_found_in_other_scripts(text: str, found: list[str]) -> None:
    assert words(text) == found


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("It costs 3.50 or so... yes", 1),
        ("1. First\n2. Second", 2),
        ("水を沸かす。待つ。", 2),
        ('He said "go." Then he went.', 2),
        ("", 0),
    ],
)
def test_sentences_end_at_their_marks_or_with_their_line(text: str, count: int) -> None:
    assert sentences(text) == count


def test_quotation_marks_of_several_languages_are_speech_and_apostrophes_are_not() -> None:
    measure = BY_NAME["quotations"].measure
    for text in ("“Go.”", "„Geh.“", "« Va. »", "「行け」", "'Go now.'", "— Ve.", '"Go."'):
        assert measure(text) == 1, text
    assert measure("It's the cook's own, isn't it") == 0


def test_a_feature_says_what_the_second_text_is_beside_the_first() -> None:
    assert BY_NAME["words"].say(21.4, 38.2) == "longer (38 against 21 words)"
    assert BY_NAME["words"].say(38.2, 21.4) == "shorter (21 against 38 words)"
    assert BY_NAME["capitals"].say(0.03, 0.2) == "more capitals (20 % against 3 %)"
    assert BY_NAME["emoji"].say(0.0, 1.25) == "more emoji (1.2 against 0.0)"
