"""Reading the styles of the small world off a text, and two users of opposed taste.

The method never sees these functions: they play the person who judges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from prefcli.feedback.records import text_prompt
from prefcli.latent.responses import sample_groups

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.progress import Progress

Utility = Callable[[str], float]

_HEDGES = re.compile(
    r"\b(perhaps|maybe|might|could|may be|usually|as far as i know|seems that|i guess|i kind of"
    r"|would appear|commonly held)\b",
    re.IGNORECASE,
)
_FORMAL = re.compile(
    r"\b(advisable|one should|one might|it is best|worth noting|should be noted|would appear"
    r"|commonly held|for instance|thank you for your kind|pleasure to assist|wish you every"
    r"|i trust|further details|may i)\b",
    re.IGNORECASE,
)
_WARM = re.compile(
    r"\b(lovely question|so glad you|great question|love this one|kind question"
    r"|pleasure to assist|wish you every|i trust that you|you will do great|enjoy every"
    r"|you got this|have fun)\b",
    re.IGNORECASE,
)
_EMOJI = re.compile("[\U0001f300-\U0001faff\u2600-\u27bf]")


def words(text: str) -> int:
    """Number of words."""
    return len(text.split())


def items(text: str) -> int:
    """Number of list items, bulleted or numbered."""
    return len(re.findall(r"^(?:- |\d+\. )", text, re.MULTILINE))


def numbered(text: str) -> bool:
    """True if there is a numbered list."""
    return bool(re.search(r"^\d+\. ", text, re.MULTILINE))


def hedges(text: str) -> int:
    """Number of hedging phrases."""
    return len(_HEDGES.findall(text))


def formal_marks(text: str) -> int:
    """Number of formal phrases."""
    return len(_FORMAL.findall(text))


def warm_marks(text: str) -> int:
    """Number of warm phrases."""
    return len(_WARM.findall(text))


def emoji(text: str) -> int:
    """Number of emoji."""
    return len(_EMOJI.findall(text))


def has_example(text: str) -> bool:
    """True if an example is given."""
    return bool(re.search(r"\bFor (example|instance), ", text))


def asks(text: str) -> bool:
    """True if a question to the reader stands at the end."""
    return "?" in text[-80:]


def alice(text: str) -> float:
    """Likes it short, warm and with an emoji; no lists, nothing formal."""
    return (
        -words(text) / 12
        + 2.0 * min(warm_marks(text), 2)
        + 2.0 * emoji(text)
        - 0.5 * items(text)
        - 0.5 * min(formal_marks(text), 4)
    )


def bob(text: str) -> float:
    """Likes formal, thorough, numbered answers; no emoji, little small talk."""
    return (
        words(text) / 20
        + 1.0 * min(formal_marks(text), 4)
        + 4.0 * numbered(text)
        - 2.0 * emoji(text)
        - 1.5 * warm_marks(text)
    )


STARTERS: dict[str, Utility] = {"alice": alice, "bob": bob}


def starter_feedback(
    base: Base,
    prompts: Sequence[str],
    utility: Utility,
    seed: int,
    progress: Progress | None = None,
) -> Iterator[str]:
    """JSONL of pairs: for each prompt two of the base's own answers, the preferred one chosen."""
    groups = sample_groups(
        base,
        [text_prompt(prompt) for prompt in prompts],
        samples=2,
        temperature=0.8,  # as `generate` does
        top_p=0.95,
        seed=seed,
        progress=progress,
    )
    by_ids = {tuple(base.prompt_ids(text_prompt(prompt))): prompt for prompt in prompts}
    for number, group in enumerate(groups, start=1):
        answers = [base.tokenizer.decode(r, skip_special_tokens=True) for r in group.responses]
        rejected, chosen = sorted(answers, key=utility)
        record = {
            "id": f"{number:03d}",
            "prompt": by_ids[group.prompt],
            "chosen": chosen,
            "rejected": rejected,
        }
        yield json.dumps(record, ensure_ascii=False)
