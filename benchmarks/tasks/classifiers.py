"""Two classifiers of different kind: one labels pairs, the other judges answers.

The labeller is a logistic regression on words and word pairs weighed by TF-IDF; the judge a small
network over the mean of learned embeddings of hashed words and word pairs (Joulin et al. 2017).
What one of them likes for no good reason the other need not.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.answers import FloatArray

BUCKETS, WIDTH, HIDDEN = 1 << 16, 32, 48
EPOCHS, BATCH, RATE = 4, 256, 5e-3
AT_ONCE = 4096
WORDS = r"\w+|[^\w\s]"


class Labeller:
    """TF-IDF of words and word pairs, then a logistic regression.

    Args:
        texts, labels: What it is learned from.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        self.model: Any = make_pipeline(
            TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True, token_pattern=WORDS),
            LogisticRegression(C=4.0, max_iter=1000),
        )
        self.model.fit(list(texts), list(labels))

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """(n, classes), in the order of the labels."""
        return np.asarray(self.model.predict_proba(list(texts)), dtype=np.float64)


class Judge:
    """The mean of learned embeddings, one hidden layer, a softmax.

    Args:
        texts, labels: What it is learned from; labels 0, 1, ...
        seed: Of weights and order.
    """

    def __init__(self, texts: Sequence[str], labels: Sequence[int], seed: int = 0) -> None:
        rows = [_buckets(text) for text in texts]
        target = torch.tensor(list(labels))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.bag = nn.EmbeddingBag(BUCKETS, WIDTH, mode="mean")
            self.head = nn.Sequential(
                nn.Dropout(0.2),
                nn.Linear(WIDTH, HIDDEN),
                nn.ReLU(),
                nn.Linear(HIDDEN, int(target.max()) + 1),
            )
            optimizer = torch.optim.Adam([*self.bag.parameters(), *self.head.parameters()], RATE)
            for _ in range(EPOCHS):
                for index in torch.randperm(len(rows)).split(BATCH):
                    logits = self._logits([rows[i] for i in index])
                    loss = nn.functional.cross_entropy(logits, target[index])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
        self.head.eval()

    def probabilities(self, texts: Sequence[str]) -> FloatArray:
        """(n, classes), in the order of the labels."""
        found = []
        with torch.no_grad():
            for start in range(0, len(texts), AT_ONCE):
                logits = self._logits([_buckets(text) for text in texts[start : start + AT_ONCE]])
                found.append(logits.softmax(-1).double().numpy())
        return np.concatenate(found)

    def _logits(self, rows: Sequence[Sequence[int]]) -> Tensor:
        offsets = np.cumsum([0, *map(len, rows)])[:-1]
        flat = torch.tensor([bucket for row in rows for bucket in row])
        pooled: Tensor = self.bag(flat, torch.from_numpy(offsets))
        logits: Tensor = self.head(pooled)
        return logits


def accuracy(classifier: Labeller | Judge, texts: Sequence[str], labels: Sequence[int]) -> float:
    """Share of texts whose likeliest class is their label."""
    found = classifier.probabilities(texts).argmax(axis=1)
    return float(np.mean(found == np.array(labels)))


def _buckets(text: str) -> list[int]:
    """Hashes of words and of word pairs; never empty."""
    words = re.findall(WORDS, text.lower())
    words = ["<", *words, ">"]
    grams = [*words, *(f"{a} {b}" for a, b in pairwise(words))]
    return [zlib.crc32(gram.encode()) % BUCKETS for gram in grams]
