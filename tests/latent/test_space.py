"""The artifact of stage 1: what is written is what is read, and nothing else is accepted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from prefcli.base import Base
from prefcli.errors import DataError, NotFoundError
from prefcli.feedback.records import text_prompt
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig
from prefcli.latent.geometry import half_precision
from prefcli.latent.round_trip import Prior
from prefcli.latent.space import Space, SpaceConfig
from tests.tiny_bases import tiny_base

ANSWERS = [
    (text_prompt("Hi?"), "yes"),
    (text_prompt("How do I cook rice?"), "Rinse it, then boil it. " * 3),
    (text_prompt("Why?"), ""),
]


def random_space(base: Base, seed: int = 0) -> Space:
    """A space of 3 active directions out of 5, untrained."""
    torch.manual_seed(seed)
    shape = base.prefix_shape
    encoder = Encoder(EncoderConfig(base.hidden_size, latent_size=5, width=16, depth=1))
    encoder.whiten = torch.randn(3, 5)
    encoder.centre = torch.randn(5)
    sizes = AdapterConfig(3, shape.layers, shape.heads, shape.head_dim, prefix_length=2, width=8)
    adapter = Adapter(sizes)
    half_precision(encoder, adapter)
    config = SpaceConfig(
        base="somewhere",
        base_fingerprint=base.fingerprint(),
        encoder=encoder.config,
        adapter=sizes,
        latent_size=3,
        max_prompt_tokens=40,
        max_response_tokens=30,
        rho=3.0,
        own_bits_per_byte=(1.0, 2.0),
        report={"contrastive_accuracy": 0.5},
    )
    return Space(config, encoder, adapter, Prior(torch.randn(4, 3), torch.randn(4, 3)))


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
    assert torch.equal(again.prefix(z), space.prefix(z))
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
    space.check_base(base)
    with pytest.raises(DataError, match="was trained on base somewhere"):
        space.check_base(tiny_base("gpt2", seed=1))


def test_a_missing_space_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no space in"):
        Space.load(tmp_path)


@pytest.mark.parametrize("fault", ["short", "swapped", "json", "format", "field"])
def test_a_damaged_space_is_refused_in_one_line(base: Base, tmp_path: Path, fault: str) -> None:
    random_space(base).save(tmp_path)
    weights, description = tmp_path / "space.safetensors", tmp_path / "space.json"
    if fault == "short":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif fault == "swapped":
        random_space(base, seed=1).save(tmp_path / "other")
        weights.write_bytes((tmp_path / "other" / "space.safetensors").read_bytes())
    elif fault == "json":
        description.write_text("{", encoding="utf-8")
    else:
        fields = json.loads(description.read_text(encoding="utf-8"))
        fields.update({"format": 99} if fault == "format" else {"surprise": 1})
        description.write_text(json.dumps(fields), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Space.load(tmp_path)
    assert str(tmp_path) in caught.value.message
    assert "\n" not in caught.value.message
