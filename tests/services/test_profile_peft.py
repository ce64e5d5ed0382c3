"""A user's profile as an adapter of PEFT, from a home to a directory."""

from __future__ import annotations

from pathlib import Path

import pytest

from prefcli import tiny
from prefcli.errors import DataError, UsageError
from prefcli.services.generate import generate
from prefcli.services.profile_peft import export_peft
from prefcli.store import Store
from tests.made_profiles import add_profile

PROMPT = "How do I cook rice?"


def test_plain_peft_answers_as_prefcli_does(fitted: Store, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM, AutoTokenizer

    told = export_peft(fitted, "bob", str(tmp_path / "bob"))
    assert (told["profile"], told["kind"]) == ("bob@1", "prefix")
    base = AutoModelForCausalLM.from_pretrained(told["base"], dtype="float32")
    model = peft.PeftModel.from_pretrained(base, told["file"])
    tokenizer = AutoTokenizer.from_pretrained(tiny.base_directory())
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": PROMPT}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    output = model.generate(**inputs, do_sample=False, max_new_tokens=60)
    answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    ours = generate(fitted, PROMPT, profile="bob", temperature=0, max_new_tokens=60).response
    assert answer == ours
    assert ours != generate(fitted, PROMPT, temperature=0, max_new_tokens=60).response


def test_nothing_is_overwritten_and_nothing_learned_is_no_adapter(
    fitted: Store, tmp_path: Path
) -> None:
    add_profile(fitted, "carol", 0.0)
    with pytest.raises(DataError, match="prefers nothing"):
        export_peft(fitted, "carol", str(tmp_path / "x"))
    with pytest.raises(DataError, match="prefers nothing"):
        export_peft(fitted, "bob", str(tmp_path / "x"), strength=0)
    assert not (tmp_path / "x").exists()
    export_peft(fitted, "alice=1,bob=1", str(tmp_path / "x"))
    with pytest.raises(UsageError, match="--force"):
        export_peft(fitted, "bob", str(tmp_path / "x"))
    export_peft(fitted, "bob", str(tmp_path / "x"), force=True)
