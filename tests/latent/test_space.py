"""The artifact of stage 1: what is written is what is read, and nothing else is accepted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from prefcli.base import Base
from prefcli.errors import DataError, NotFoundError
from prefcli.feedback.records import text_prompt
from prefcli.latent.space import Space
from tests.random_spaces import random_space
from tests.tiny_bases import tiny_base

Damage = Callable[[Path, Base], object]
LEFT_OUT = object()
ANSWERS = [
    (text_prompt("Hi?"), "yes"),
    (text_prompt("How do I cook rice?"), "Rinse it, then boil it. " * 3),
    (text_prompt("Why?"), ""),
]


@pytest.fixture(scope="module")
def base() -> Base:
    return tiny_base("gpt2")


def encode(space: Space, base: Base, batch_size: int) -> np.ndarray:
    found = dict(pair for batch in space.encode(base, ANSWERS, batch_size) for pair in batch)
    return np.stack([found[i].mean for i in range(len(ANSWERS))])


def test_a_space_reads_back_as_it_was_written(base: Base, tmp_path: Path) -> None:
    space = random_space(base)
    space.save(tmp_path / "s")
    again = Space.load(tmp_path / "s")
    assert again.config == space.config
    assert again.fingerprint() == space.fingerprint()
    np.testing.assert_array_equal(encode(again, base, 2), encode(space, base, 2))
    z = np.array([0.3, -1.0, 2.0])
    assert torch.equal(again.prefix(base, z), space.prefix(base, z))
    assert torch.equal(again.prior.mean, space.prior.mean)
    assert torch.equal(again.prior.draw(5, 1), space.prior.draw(5, 1))


def test_an_encoding_does_not_depend_on_the_batch(base: Base) -> None:
    space = random_space(base)
    np.testing.assert_allclose(encode(space, base, 1), encode(space, base, 3), atol=1e-5)


def test_texts_that_are_too_long_are_cut_and_say_so(base: Base) -> None:
    space = random_space(base)
    batches = list(space.encode(base, ANSWERS))
    cut = {index: encoded.truncated for batch in batches for index, encoded in batch}
    assert cut == {0: False, 1: True, 2: False}


def test_bits_per_byte_is_the_negative_log_likelihood_in_bits(base: Base) -> None:
    space = random_space(base)
    prompt = text_prompt("Hi?")
    nll = base.negative_log_likelihood([base.prompt_ids(prompt)], [base.response_ids("yes")[0]])
    bits, nothing = space.bits_per_byte(base, [(prompt, "yes"), (prompt, "")])
    assert bits == pytest.approx(float(nll) / np.log(2) / 3)
    assert nothing is None


def test_another_base_is_refused(base: Base) -> None:
    space = random_space(base)
    space.attach(base)
    with pytest.raises(DataError, match="was trained on base somewhere"):
        space.attach(tiny_base("gpt2", seed=1))


def test_a_missing_space_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no space in"):
        Space.load(tmp_path)


def short(directory: Path, base: Base) -> None:
    weights = directory / "space.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def swapped(directory: Path, base: Base) -> None:
    random_space(base, seed=1).save(directory / "other")
    (directory / "other" / "space.safetensors").replace(directory / "space.safetensors")


def other_tensors(directory: Path, base: Base) -> None:
    save_file({"surprise": torch.zeros(1)}, directory / "space.safetensors")


def written(text: str) -> Damage:
    def write(directory: Path, base: Base) -> None:
        (directory / "space.json").write_text(text, encoding="utf-8")

    return write


def changed(**members: Any) -> Damage:
    """Members with other values, or without any."""

    def change(directory: Path, base: Base) -> None:
        description = json.loads((directory / "space.json").read_text(encoding="utf-8"))
        kept = {name: value for name, value in description.items() if name not in members}
        kept |= {name: value for name, value in members.items() if value is not LEFT_OUT}
        (directory / "space.json").write_text(json.dumps(kept), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    "damage",
    [
        short,
        swapped,
        other_tensors,
        written("{"),
        written("[]"),
        written("{}"),
        written("[" * 100_000),
        changed(surprise=1),
        changed(format=99),
        changed(format="x"),
        changed(rho="x"),
        changed(rho=float("nan")),
        changed(rho=LEFT_OUT),
        changed(report=LEFT_OUT),
        changed(report={}),
        changed(encoder=[]),
        changed(encoder={"depth": 1}),
        changed(adapter=None),
        changed(latent_size=True),
        changed(latent_size=4),
        changed(own_bits_per_byte=[1.0]),
        changed(own_bits_per_byte=["a", "b"]),
        changed(fingerprint=LEFT_OUT),
        changed(fingerprint="0" * 16),
    ],
)
def test_a_damaged_space_is_refused_in_one_line_of_ours(
    base: Base, tmp_path: Path, damage: Damage
) -> None:
    random_space(base).save(tmp_path)
    damage(tmp_path, base)
    with pytest.raises(DataError) as caught:
        Space.load(tmp_path)
    message = caught.value.message
    assert str(tmp_path) in message
    assert "\n" not in message
    assert "train the space again" in message or "update prefcli" in message
    assert not re.search("Error|unexpected|NoneType|size mismatch|state_dict", message)


@pytest.mark.parametrize("name", ["space.json", "space.safetensors"])
def test_a_space_that_lost_a_file_is_not_found(base: Base, tmp_path: Path, name: str) -> None:
    random_space(base).save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(NotFoundError, match=r"has lost its files: .*, restore that directory"):
        Space.load(tmp_path)
