"""A judge that is a sequence classifier or a reward model of Hugging Face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prefcli.errors import UsageError
from prefcli.feedback.records import Prompt
from prefcli.services.judges import Answer, FloatArray

if TYPE_CHECKING:
    from prefcli.progress import Progress

ROWS = 16  # read at once


class ClassifierJudge:
    """A sequence classifier's probability of a label, or a reward model's only output.

    Args:
        source: Directory or Hugging Face id; after it, with a colon, a label or its number.
    """

    kind = "classifier"

    def __init__(self, source: str) -> None:
        from prefcli.loading import local_path

        name, mark, label = source.rpartition(":")
        whole = not mark or not name or local_path(source) is not None
        self.source = source if whole else name
        self.label: str | None = None if whole else label
        self.words = f"by the classifier {source}"
        self.scores_are = f"probability of {self.label}" if self.label else "its output"

    def __call__(self, answers: Sequence[Answer], progress: Progress | None = None) -> FloatArray:
        """Probabilities, or outputs where there is one only.

        The answer is read alone; a reward model with a chat template reads the conversation. What
        is longer than the model reads loses its end.

        Raises:
            NotFoundError, DataError: see `loading.load_classifier`.
            UsageError: there is no such label, or several and none is named.
        """
        import torch

        from prefcli.loading import load_classifier

        if progress:
            progress("loading the classifier", 0, None)
        model, tokenizer, limit = load_classifier(self.source)
        column = self._column(model.config)
        texts = [_read(tokenizer, prompt, text, column is None) for prompt, text in answers]
        size = 1 if tokenizer.pad_token_id is None else ROWS
        found: list[float] = []
        for start in range(0, len(texts), size):
            rows = tokenizer(
                texts[start : start + size],
                padding=size > 1,
                truncation=True,
                max_length=limit,
                return_tensors="pt",
            ).to(model.device)
            with torch.no_grad():
                logits = model(**rows).logits.double()  # (rows, labels)
            values = logits[:, 0] if column is None else logits.softmax(-1)[:, column]
            found += values.tolist()
            if progress:
                progress("judging", len(found), len(texts))
        return np.array(found)

    def _column(self, config: Any) -> int | None:
        """The output that counts; None where there is one only."""
        names = [str(config.id2label.get(i, i)) for i in range(config.num_labels)]
        if self.label is None and len(names) == 1:
            return None
        known = ", ".join(names[:10]) + (" ..." if len(names) > 10 else "")
        if self.label is None:
            raise UsageError(
                f"--judge-classifier {self.source} has several labels ({known}): name the one "
                f"that is wanted, as in {self.source}:{names[-1]}"
            )
        folded = [name.casefold() for name in names]
        if self.label.casefold() in folded:
            return folded.index(self.label.casefold())
        if self.label.isdecimal() and int(self.label) < len(names):
            return int(self.label)
        raise UsageError(
            f"--judge-classifier {self.source}: no label {self.label!r}, it has {known}"
        )


def _read(tokenizer: Any, prompt: Prompt, text: str, conversation: bool) -> str:
    """What a classifier reads of an answer."""
    if not (conversation and tokenizer.chat_template):
        return text
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    turns.append({"role": "assistant", "content": text})
    return str(tokenizer.apply_chat_template(turns, tokenize=False))
