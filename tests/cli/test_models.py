"""`prefcli base add` and `prefcli space train`: what the words ask of the services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from prefcli.services import bases, space_training
from prefcli.services.space_plan import Asked
from prefcli.store import Store
from tests.cli.conftest import Run


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the commands asked; nothing is loaded or trained."""
    asked: list[dict[str, Any]] = []

    def add_base(store: Any, source: str, *, progress: Any, **words: Any) -> dict[str, Any]:
        asked.append({"source": source, **words})
        return {"base": words["name"] or "model", "source": source}

    def train_space(
        store: Any, *, progress: Any, workers: Any, shard_base: bool, **words: Any
    ) -> dict[str, Any]:
        assert (workers.count, shard_base) == (1, False)
        asked.append(words)
        return {"space": words["name"], "report": {"nll": 1.5}}

    monkeypatch.setattr(bases, "add_base", add_base)
    monkeypatch.setattr(space_training, "train_space", train_space)
    return asked


def test_a_base_is_added_with_every_word(run: Run, calls: list[dict[str, Any]]) -> None:
    words = ("--name", "mine", "--device", "cpu", "--dtype", "float32", "--trust-remote-code")
    words += ("--quantize", "4bit")
    result = run("base", "add", "org/model", *words)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "base    mine\nsource  org/model\n"
    assert calls == [
        {
            "source": "org/model",
            "name": "mine",
            "device": "cpu",
            "dtype": "float32",
            "quantize": "4bit",
            "trust_remote_code": True,
        }
    ]


def test_a_base_s_code_is_not_trusted_unless_asked(run: Run, calls: list[dict[str, Any]]) -> None:
    assert json.loads(run("base", "add", "org/model", "--json").stdout)["base"] == "model"
    assert calls[0]["trust_remote_code"] is False


NOTHING = {"base": None, "prompts": None, "plot": None, "resume": False, "restart": False}


@pytest.mark.parametrize(
    ("words", "name"),
    [(["everyday"], "everyday"), (["--name", "everyday"], "everyday"), ([], None)],
)
def test_what_is_not_asked_is_left_to_the_service(
    run: Run, calls: list[dict[str, Any]], words: list[str], name: str | None
) -> None:
    result = run("space", "train", *words, "--json")
    assert json.loads(result.stdout) == {"space": name, "report": {"nll": 1.5}}
    assert calls == [{"name": name, **NOTHING}]


def test_a_space_is_trained_with_every_word(run: Run, calls: list[dict[str, Any]]) -> None:
    result = run(
        *("space", "train", "everyday", "--base", "mine", "--prompts", "-", "--samples", "4"),
        *("--steps", "9", "--latent-size", "8", "--trunk-layers", "2", "--seed", "5"),
        *("--max-new-tokens", "32", "--temperature", "0.9", "--top-p", "0.95"),
        *(
            "--learning-rate",
            "0.001",
            "--encoder-pace",
            "0.05",
            "--prompts-per-step",
            "6",
            "--adapter",
            "soft",
        ),
        *(
            "--prefix-length",
            "8",
            "--lora-rank",
            "2",
            "--gradient-checkpointing",
            "--principal-axes",
        ),
        *("--tokens-per-pass", "512", "--restart", "--plot", "a.svg"),
    )
    assert result.stdout == "space  everyday\n"
    assert result.stderr == "prefcli: drawn in a.svg\n"
    settings = {
        "samples": 4,
        "steps": 9,
        "latent_size": 8,
        "trunk_layers": 2,
        "seed": 5,
        "max_new_tokens": 32,
        "temperature": 0.9,
        "top_p": 0.95,
        "learning_rate": 0.001,
        "encoder_pace": 0.05,
        "principal_axes": True,
        "prompts_per_step": 6,
        "adapter": "soft",
        "prefix_length": 8,
        "lora_rank": 2,
        "checkpointing": True,
        "tokens_per_pass": 512,
    }
    assert settings.keys() == Asked.__annotations__.keys()
    place = {"name": "everyday", "base": "mine", "prompts": "-", "plot": "a.svg"}
    assert calls == [{**place, "resume": False, "restart": True, **settings}]


@pytest.mark.parametrize(
    "words",
    [
        ["a", "--name", "b"],
        ["a", "--samples", "1"],
        ["a", "--temperature", "nan"],
        ["a", "--resume", "--restart"],
        ["a", "--resume", "--dry-run"],
    ],
)
def test_words_that_do_not_fit_together_are_a_usage_error(
    run: Run, calls: list[dict[str, Any]], words: list[str]
) -> None:
    result = run("space", "train", *words)
    assert (result.exit_code, result.stdout, calls) == (2, "", [])
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("base", "add", "org/tiny"),
        ("base", "add", "org/model", "--name", "tiny"),
        ("base", "add", ""),
        ("base", "use", ""),
        ("base", "show", "al\udcff"),
        ("space", "use", ""),
        ("space", "show", "al\udcff"),
        ("space", "train", ""),
        ("space", "train", "al\udcff"),
        ("space", "train", "a" * 300),
        ("space", "train", "tiny"),
        ("space", "train", "a", "--prompts", ""),
        ("space", "train", "a", "--base", ""),
        ("space", "train", "a", "--steps", "9" * 40),
        ("space", "train", "a", "--seed", str(2**63)),
        ("fit", "--user", "alice", "--space", ""),
        ("generate", "--base", "", "hello"),
    ],
)
def test_names_and_numbers_that_make_no_sense_are_a_usage_error(
    run: Run, words: tuple[str, ...]
) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("prefcli: error: ")
    assert result.stderr.count("\n") == 1
    assert "Error" not in result.stderr


def test_a_space_that_lost_its_files_is_listed_as_missing_and_cannot_be_used(
    run: Run, feedback_file: Path, home: Path
) -> None:
    run("ingest", feedback_file, "--user", "alice")
    with Store.open() as store:
        store.add_space("lost", "tiny", "fingerprint", {})
    head, built_in, lost = run("space", "list").stdout.splitlines()
    at = head.index("STATE")
    assert (built_in[at:].split(), lost[at:].split()) == (["ok", "yes"], ["missing"])
    rows = [json.loads(line) for line in run("space", "list", "--jsonl").stdout.splitlines()]
    assert [(row["space"], row["state"]) for row in rows] == [("tiny", "ok"), ("lost", "missing")]
    for words in (
        ("space", "use", "lost"),
        ("space", "show", "lost"),
        ("fit", "--user", "alice", "--space", "lost"),
    ):
        result = run(*words)
        assert (result.exit_code, result.stdout) == (66, "")
        assert f"{home / 'spaces' / 'lost'}, which has lost its files" in result.stderr
        assert result.stderr.count("\n") == 1


def test_prompts_in_a_directory_or_nowhere_are_missing_input(run: Run, tmp_path: Path) -> None:
    for source in (tmp_path, tmp_path / "absent"):
        result = run("space", "train", "mine", "--prompts", source)
        assert (result.exit_code, result.stdout) == (66, "")
        assert f"{source}: no such file" in result.stderr
        assert result.stderr.count("\n") == 1
