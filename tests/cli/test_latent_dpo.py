"""The paper's method from the command line: feedback in, a policy, answers that are liked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefcli.tiny import corpus
from prefcli.tiny.tastes import words
from tests.cli.conftest import Run

JUDGED, ASKED = 64, 40


def answered(run: Run, records: list[dict[str, Any]]) -> list[str]:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    result = run("generate", "--batch", "-", stdin=lines)
    assert result.exit_code == 0
    return [json.loads(line)["response"] for line in result.stdout.splitlines()]


def test_someone_who_likes_it_short_is_served_better_than_by_the_base(
    run: Run, tmp_path: Path
) -> None:
    topics = corpus.stage_one_topics()[:JUDGED]
    prompts = [corpus.prompts(topic, "how to")[0] for topic in topics]
    twice = [prompt for prompt in prompts for _ in range(2)]
    asked = [{"prompt": prompt, "seed": seed} for seed, prompt in enumerate(twice)]
    answers = answered(run, asked)
    rows = []
    for prompt, pair in zip(prompts, zip(answers[::2], answers[1::2], strict=True), strict=True):
        short, long = sorted(pair, key=words)
        if words(short) < words(long):
            rows.append({"prompt": prompt, "chosen": short, "rejected": long})
    assert len(rows) > JUDGED / 2
    feedback = tmp_path / "short.jsonl"
    feedback.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    assert run("ingest", feedback, "--user", "carol").exit_code == 0

    fitted = run("fit", "--user", "carol", "--method", "latent-dpo", "--json")
    assert fitted.exit_code == 0, fitted.stderr
    report = json.loads(fitted.stdout)
    assert report["method"] == "latent-dpo"
    assert report["bytes"] <= 16 * 1024
    assert json.loads(run("profile", "show", "carol", "--json").stdout)["method"] == "latent-dpo"

    new = [corpus.prompts(topic, "how to")[0] for topic in corpus.held_out_topics()[:ASKED]]
    own = answered(run, [{"prompt": p, "profile": "carol", "seed": i} for i, p in enumerate(new)])
    plain = answered(run, [{"prompt": p, "seed": ASKED + i} for i, p in enumerate(new)])
    won = sum(
        (words(a) < words(b)) + 0.5 * (words(a) == words(b))
        for a, b in zip(own, plain, strict=True)
    )
    assert won / len(new) > 0.75


def test_an_unknown_method_is_a_usage_error(run: Run, feedback_file: Path) -> None:
    run("ingest", feedback_file, "--user", "carol")
    result = run("fit", "--user", "carol", "--method", "ppo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == ("prefcli: error: --method ppo: expected bradley-terry or latent-dpo\n")
