"""One file of a space: what goes in comes out, and nothing else is accepted."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from prefcli.errors import DataError
from prefcli.latent.files import fingerprint_of
from prefcli.latent.portable import LARGEST, Portable, is_hub_id, read

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def space(shape: tuple[int, int] = (4, 3), **changes: Any) -> Portable:
    """A space as far as one can tell without torch."""
    numbers = np.arange(shape[0] * shape[1]).reshape(shape)
    tensors = {
        "reference": numbers.astype("<f4"),
        "reference_log_var": -numbers.astype("<f4"),
        "encoder.weight": numbers.astype("<f2"),
    }
    description: dict[str, Any] = {
        "format": 1,
        "fingerprint": fingerprint_of("base", tensors),
        "base": "somewhere",
        "base_fingerprint": "base",
        "encoder": {"depth": 1},
        "adapter": {},
        "latent_size": shape[1],
        "max_prompt_tokens": 40,
        "max_response_tokens": 30,
        "rho": 3.0,
        "own_bits_per_byte": [1.0, 2.0],
        "report": {"contrastive_accuracy": 0.5},
    }
    return Portable(description | changes, tensors)


def opened(content: bytes) -> Portable:
    return Portable.from_bytes(read(io.BytesIO(content), "f"), "f")


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    base=TEXT,
    rho=st.floats(0, 1e6),
    report=st.dictionaries(TEXT, st.one_of(NUMBERS, TEXT, st.lists(NUMBERS, max_size=4))),
    source=st.sampled_from([None, "org/model", "gpt2"]),
)
def test_what_is_written_is_read_and_written_again_as_the_same_bytes(
    shape: tuple[int, int], base: str, rho: float, report: dict[str, Any], source: str | None
) -> None:
    report = report | {"contrastive_accuracy": 0.5}
    written = replace(space(shape, base=base, rho=rho, report=report), source=source)
    content = written.to_bytes()
    again = opened(content)
    assert (again.description, again.source) == (written.description, source)
    assert again.fingerprint == written.fingerprint
    assert again.tensors.keys() == written.tensors.keys()
    for name, tensor in written.tensors.items():
        np.testing.assert_array_equal(again.tensors[name], tensor)
        assert again.tensors[name].dtype == tensor.dtype
    assert again.to_bytes() == content


@settings(deadline=None, max_examples=400)
@given(data=st.data())
def test_a_byte_that_changed_is_told_or_says_nothing(data: st.DataObject) -> None:
    written = space()
    content = bytearray(written.to_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        found = opened(bytes(content))
    except DataError as error:
        assert "\n" not in error.message
        assert not re.search("Error|NoneType|Traceback", error.message)
    else:  # white space between the members of the header
        assert found.to_bytes() == written.to_bytes()


@settings(deadline=None, max_examples=60)
@given(length=st.integers(0, len(space().to_bytes()) - 1))
def test_a_file_that_was_cut_anywhere_is_bad_data(length: int) -> None:
    with pytest.raises(DataError, match="cut off"):
        opened(space().to_bytes()[:length])


@settings(deadline=None)
@given(content=st.binary(max_size=300))
def test_bytes_that_are_no_space_are_bad_data(content: bytes) -> None:
    with pytest.raises(DataError, match="f is "):
        opened(content)


def framed(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def described(text: str) -> bytes:
    return save({"reference": np.zeros((1, 1), "<f4")}, metadata={"prefcli": text})


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 8,
        b"\xff" * 7 + b"\x7f" + b"{}",
        framed(b"[" * 1_000_000),
        framed(b'{"a":' * 200_000),
        framed(b"[]"),
        framed(b"9" * 5000),
        framed(b'{"a": {"dtype": "F32", "shape": [1e9], "data_offsets": [0, 4]}}'),
        framed(b'{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}'),
        framed(b'{"a": {"dtype": "F32", "shape": [9999999999999], "data_offsets": [0, 4]}}'),
        framed(b'{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}}', b"\0" * 8),
        framed(b'{"a": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}', b"\0" * 2),
        framed(b'{"a": 3}'),
        save({"model": np.zeros(3, "<f4")}),
        described("{}"),
        described("[]"),
        described("[" * 100_000),
        described('{"format": 1, "sha256": "", "source": null, "space": {}}'),
        described('{"format": "1", "sha256": 3, "source": [], "space": []}'),
    ],
)
def test_a_hostile_file_is_bad_data_and_asks_for_no_memory(content: bytes) -> None:
    with pytest.raises(DataError) as caught:
        opened(content)
    assert "\n" not in caught.value.message


class Endless(io.RawIOBase):
    """A stream that says that it has `LARGEST` bytes and more, and gives zeros for ever."""

    def __init__(self, start: bytes) -> None:
        self.rest, self.given = start, 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "all of an endless stream was asked for"
        part, self.rest = self.rest[:size], self.rest[size:]
        self.given += size
        return part.ljust(size, b"\0")


@pytest.mark.parametrize(
    "start", [b"", framed(f'{{"a": {{"dtype": "F32", "shape": [{LARGEST}]}}}}'.encode())]
)
def test_an_endless_stream_is_left_alone(start: bytes) -> None:
    stream = Endless(start)
    with pytest.raises(DataError):
        read(stream, "stdin")  # type: ignore[arg-type]
    assert stream.given < 1000


def test_what_follows_the_end_is_told() -> None:
    with pytest.raises(DataError, match="goes on beyond its end"):
        opened(space().to_bytes() + b"\0")


def test_a_newer_format_asks_for_an_update() -> None:
    with pytest.raises(DataError, match="newer format: update prefcli"):
        opened(described(json.dumps({"format": 2})))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["reference", "encoder.weight"])
def test_weights_that_are_not_finite_are_refused_though_the_checksum_is_theirs(
    bad: float, name: str
) -> None:
    written = space()
    written.tensors[name][0, 0] = bad
    written.description["fingerprint"] = fingerprint_of("base", written.tensors)
    with pytest.raises(DataError, match=f"{name} holds a weight that is not finite"):
        opened(written.to_bytes())


@pytest.mark.parametrize(
    ("member", "value"),
    [("rho", -1.0), ("rho", float("nan")), ("latent_size", 0), ("base", 3), ("report", {})],
)
def test_a_description_that_no_training_gives_is_refused(member: str, value: Any) -> None:
    with pytest.raises(DataError, match=f"it lacks '{member}' or has something else"):
        opened(space(**{member: value}).to_bytes())


def test_weights_of_another_fingerprint_are_refused() -> None:
    with pytest.raises(DataError, match="not those that its fingerprint is of"):
        opened(space(fingerprint="0" * 16).to_bytes())


def test_a_source_that_is_no_model_id_is_not_passed_on() -> None:
    with pytest.raises(DataError, match="is no space"):
        opened(replace(space(), source="x; rm -rf ~").to_bytes())
    assert is_hub_id("Qwen/Qwen2.5-0.5B-Instruct")
    assert not any(map(is_hub_id, ("/home/me/model", "../x", "a/b/c", "", "-x", "a\n")))
