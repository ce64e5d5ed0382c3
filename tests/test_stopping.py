"""Stop strings: cutting token by token, row by row and in a stream is cutting the whole text."""

from __future__ import annotations

import random

import pytest

from prefcli.base import Base
from prefcli.decoding import sample
from prefcli.stopping import cut, settled
from tests.test_decoding import random_prefix
from tests.tiny_bases import tiny_base

SEEDS = range(8)


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("llama")


def test_the_stop_string_that_is_complete_first_ends_the_text() -> None:
    assert cut("xabc", ["abc", "b"]) == ("xa", True)
    assert cut("xabcd", ["bc", "abc"]) == ("x", True)
    assert cut("xabc", ["d"]) == ("xabc", False)
    assert cut("x", []) == ("x", False)


@pytest.mark.parametrize("seed", range(200))
def test_however_a_text_comes_in_pieces_what_was_handed_on_begins_the_cut_text(seed: int) -> None:
    draw = random.Random(seed)
    stops = ["".join(draw.choices("ab", k=draw.randint(1, 4))) for _ in range(draw.randint(1, 3))]
    text = "".join(draw.choices("abc", k=12))
    expected, _ = cut(text, stops)
    grown, stopped, given = "", False, 0
    while len(grown) < len(text) and not stopped:
        grown = text[: len(grown) + draw.randint(1, 3)]
        kept, stopped = cut(grown, stops)
        given = len(kept) if stopped else settled(grown, stops)
        assert expected.startswith(grown[:given])
    assert (kept if stopped else text) == expected


def answers(base: Base, stops: list[str], rows: list[int]) -> list[str]:
    prefixes = [random_prefix(base, row) if row % 2 else None for row in rows]
    return sample(
        base,
        [[65 + row] * (row + 1) for row in rows],
        seeds=rows,
        prefixes=prefixes,
        max_new_tokens=40,
        stops=[stops if row != 3 else [] for row in rows],
    )


def test_each_row_ends_before_its_own_stop_string_alone_and_in_a_batch(base: Base) -> None:
    rows = list(SEEDS)
    whole = answers(base, [], rows)
    # Two characters from the middle of some answers, each of them several tokens of bytes.
    stops = [text[9:11] for text in whole[:3]]
    together = answers(base, stops, rows)
    assert together == [cut(t, stops if i != 3 else [])[0] for i, t in enumerate(whole)]
    assert together == [answers(base, stops, [row])[0] for row in rows]
    assert together[:3] != whole[:3]
    assert together[3] == whole[3]


def test_nothing_more_is_generated_once_every_row_has_ended(base: Base) -> None:
    [whole] = answers(base, [], [0])
    passes: list[int] = []
    counter = base.model.register_forward_hook(lambda *_: passes.append(1))
    answers(base, [whole[2:4]], [0])
    counter.remove()
    assert 2 <= len(passes) < 20


@pytest.mark.parametrize("seed", SEEDS)
def test_a_stream_never_shows_part_of_a_stop_string(base: Base, seed: int) -> None:
    [whole] = sample(base, [[66]], seeds=[seed], max_new_tokens=40)
    for stop in (whole[5:8], whole[12:13], whole[-2:]):
        pieces: list[str] = []
        [answer] = sample(
            base,
            [[66]],
            seeds=[seed],
            max_new_tokens=40,
            stops=[[stop, whole[20:24]]],
            on_text=pieces.append,
        )
        assert answer == cut(whole, [stop, whole[20:24]])[0]
        assert "".join(pieces) == answer


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_long_prompt_in_the_batch_takes_no_room_from_an_answer(family: str) -> None:
    base = tiny_base(family)
    base.stop_ids = (base.stop_ids[0],)
    prompts = [[65] * 118, [70, 71]]
    together = sample(base, prompts, seeds=[1, 2], max_new_tokens=60)
    alone = [
        sample(base, [prompt], seeds=[seed], max_new_tokens=60)[0]
        for prompt, seed in zip(prompts, (1, 2), strict=True)
    ]
    assert together == alone
    assert len(base.response_ids(alone[1])[0]) > 12
