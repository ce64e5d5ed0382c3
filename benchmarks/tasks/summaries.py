"""Summaries of posts, the paper's third task, on a sample of our own in the same record format.

The paper's data (Stiennon et al. 2020) and its base of 6 billion weights are not to be had here,
and the embedded base cannot summarise: what this task shows is that the records go through, from
the rows that `prefcli ingest` reads to every figure of a cell. Its figures mean nothing, so the
tables say that the task was not run. `--data` takes the real rows where somebody has them, at
`DATA/summarize_from_feedback/comparisons.jsonl`, and a base that can read them belongs into `open`.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from benchmarks.answers import embedded_model, stream
from benchmarks.tasks.base import Arena, Taste, each
from benchmarks.tasks.trained import likelier_after_its_prompt
from prefcli.feedback.formats import FORMATS
from prefcli.progress import Progress
from prefcli.tiny.tastes import words

NAME = "summaries"
SAMPLE = Path(__file__).with_name("summaries_sample.jsonl")
ROWS = Path("summarize_from_feedback") / "comparisons.jsonl"
FORMAT = "summarize-comparison"


class Summaries:
    """Short ones, and full ones."""

    name = NAME

    def open(self, data: Path | None, work: Path, progress: Progress) -> Arena:  # noqa: ARG002
        """The sample, or the real rows where they are, under the embedded base."""
        real = data / ROWS if data is not None else SAMPLE
        asked = prompts(real if real.exists() else SAMPLE)
        random.Random(stream(NAME)).shuffle(asked)
        quarter = max(1, len(asked) // 4)
        model = embedded_model(progress)
        return Arena(
            name=NAME,
            model=model,
            users={
                "short": Taste(each(_short), each(_short)),
                "full": Taste(each(_full), each(_full)),
            },
            tuning={"questions": Taste(each(_questions), each(_questions))},
            feedback_prompts=asked[:quarter],
            search_prompts=asked[quarter : 2 * quarter],
            test_prompts=asked[2 * quarter : 3 * quarter],
            neutral_prompts=asked[3 * quarter :],
            on_topic=likelier_after_its_prompt(model),
            other=("words", each(lambda text: float(words(text)))),
        )


def prompts(path: Path) -> list[str]:
    """The posts to summarise, once each, as prefcli's reader of the format puts them."""
    reader = next(f for f in FORMATS if f.name == FORMAT)
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        for row in reader.parse(json.loads(line), "somebody"):
            found[row.prompt[-1].content] = None
    return list(found)


def _short(text: str) -> float:
    return -float(words(text))


def _full(text: str) -> float:
    return float(len(set(text.lower().split())))


def _questions(text: str) -> float:
    return float(text.count("?"))
