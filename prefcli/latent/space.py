"""A space: the artifact of stage 1, shared by all users of one base.

On disk a directory of two files: `space.safetensors` (encoder head, adapter, whitening, reference
encodings) and `space.json` (sizes, the base's fingerprint, how far one may go, the trust report).
Its coordinates are whitened: over the base's own answers z has mean 0 and covariance I, so that
a reward's gradient already is the direction `S w`. The stored prior is the aggregated posterior
itself, as the encodings of a few hundred answers.

Letters: B batch, K latent size, L layers, H key/value heads, P prefix length, E head size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from prefcli.errors import DataError, UsageError
from prefcli.latent.adapter import Adapter, AdapterConfig
from prefcli.latent.encoder import Encoder, EncoderConfig, encode_ids, prompt_features
from prefcli.latent.files import (
    FORMAT,
    WEIGHTS,
    damaged,
    fingerprint_of,
    read_description,
    write_files,
)
from prefcli.latent.lora import Lora, attach
from prefcli.latent.round_trip import Prior

if TYPE_CHECKING:
    from prefcli.base import Base
    from prefcli.feedback.records import Prompt

FloatArray = npt.NDArray[np.float32]

HISTORY_POINTS = 200
LORA = "lora."  # before the names of its weights


@dataclass(frozen=True)
class SpaceConfig:
    """What a space records about itself.

    Args:
        base: Name or source of the base, for people.
        base_fingerprint: Fingerprint of the base, for machines.
        encoder, adapter: Sizes.
        latent_size: K, active directions.
        max_prompt_tokens: Longer prompts lose their beginning before encoding.
        max_response_tokens: Longer answers lose their end before encoding.
        rho: Reach at strength 1, in standard deviations.
        own_bits_per_byte: Median and 99th percentile over the base's own answers.
        report: Everything that stage 1 measured about itself.
        history: The terms of the loss along the training, at most `HISTORY_POINTS` of them.
        provenance: Whose prompts went in, and how the answers to them were made.
        lora_rank: Rank of the LoRA by which the base itself moves; 0 for none.
    """

    base: str
    base_fingerprint: str
    encoder: EncoderConfig
    adapter: AdapterConfig
    latent_size: int
    max_prompt_tokens: int
    max_response_tokens: int
    rho: float
    own_bits_per_byte: tuple[float, float]
    report: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    provenance: dict[str, Any] = field(default_factory=dict)
    lora_rank: int = 0


@dataclass(frozen=True)
class Encoded:
    """One answer in a space: posterior mean and log-variance (K,), and whether it was cut."""

    mean: FloatArray
    log_var: FloatArray
    truncated: bool


class Space:
    """Encoder, adapter and geometry of one base.

    Args:
        config: Sizes and provenance.
        encoder, adapter: The trained parts.
        prior: Encodings of R of the base's own answers: what z looks like.
        lora: By which the base moves wherever a prefix of this space stands: attached to the base
            already, or its weights alone.
    """

    def __init__(
        self,
        config: SpaceConfig,
        encoder: Encoder,
        adapter: Adapter,
        prior: Prior,
        lora: Lora | Mapping[str, Tensor] | None = None,
    ) -> None:
        self.config = config
        self.encoder = encoder.eval().requires_grad_(False)
        self.adapter = adapter.eval().requires_grad_(False)
        self.prior = prior
        self.lora = lora
        self._fingerprint: str | None = None

    @property
    def size(self) -> int:
        """K, the number of active directions."""
        return self.config.latent_size

    def fingerprint(self) -> str:
        """16 hex digits over every weight; profiles and encodings carry it.

        Found once: the weights of a space do not change any more.
        """
        if self._fingerprint is None:
            tensors = {name: tensor.numpy() for name, tensor in self._tensors().items()}
            self._fingerprint = fingerprint_of(self.config.base_fingerprint, tensors)
        return self._fingerprint

    def attach(self, base: Base) -> None:
        """Make ready to work with a base: on its device, and with the LoRA added to it.

        Raises:
            DataError: the base is not the one that this space was trained on.
            PrefcliError: there is a LoRA, and PEFT is not installed.
        """
        found = base.fingerprint()
        if found != self.config.base_fingerprint:
            raise DataError(
                f"the space was trained on base {self.config.base} "
                f"({self.config.base_fingerprint}), not on {base.source} ({found}): "
                "choose its own base, or train a space for this one"
            )
        self._check_sizes(base)
        self.encoder.to(base.device)
        self.adapter.to(base.device)
        if self.lora and not isinstance(self.lora, Lora):
            weights, depth = self.lora, self.config.encoder.depth
            self.lora = attach(base, self.config.lora_rank, depth, name=self.fingerprint())
            self.lora.load(weights)
        base.moves_with(self.lora_name)

    def _check_sizes(self, base: Base) -> None:
        adapter, encoder = self.config.adapter, self.config.encoder
        shape = base.prefix_shape
        if adapter.kind == "soft":
            fits = adapter.hidden_size == base.hidden_size
        else:
            sizes = (adapter.layers, adapter.heads, adapter.head_dim)
            fits = sizes == (shape.layers, shape.heads, shape.head_dim)
        reads = encoder.hidden_size == base.hidden_size and encoder.depth <= base.layer_count
        if not (fits and reads):
            raise DataError(
                f"the space's sizes are not those of base {base.source}, whose fingerprint it "
                "has: it was changed by hand, import it again or train another"
            )

    @property
    def lora_name(self) -> str | None:
        """What an attached LoRA is called in the base."""
        return self.lora.name if isinstance(self.lora, Lora) else None

    def encode(
        self, base: Base, answers: Sequence[tuple[Prompt, str]], batch_size: int = 64
    ) -> Iterator[list[tuple[int, Encoded]]]:
        """Encode answers batch by batch, similar lengths together.

        Yields:
            One list per batch of (index into `answers`, encoding).
        """
        rows = []
        for prompt, response in answers:
            ids, cut = base.response_ids(response, self.config.max_response_tokens)
            kept = base.prompt_ids(prompt, self.config.max_prompt_tokens)
            rows.append((kept, ids, cut or len(kept) < len(base.prompt_ids(prompt))))
        order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            with torch.no_grad():
                mean, log_var = encode_ids(
                    base, self.encoder, [rows[i][0] for i in chunk], [rows[i][1] for i in chunk]
                )
            means, log_vars = mean.cpu().numpy(), log_var.cpu().numpy()
            yield [(i, Encoded(means[j], log_vars[j], rows[i][2])) for j, i in enumerate(chunk)]

    def read_prompts(
        self, base: Base, prompts: Sequence[Prompt], batch_size: int = 64
    ) -> npt.NDArray[np.float64]:
        """What the encoder sees in each prompt (N, W), before there is an answer."""
        rows = [base.prompt_ids(prompt, self.config.max_prompt_tokens) for prompt in prompts]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        found = np.zeros((len(rows), self.config.encoder.width))
        for start in range(0, len(order), batch_size):
            chunk = order[start : start + batch_size]
            with torch.no_grad():
                features = prompt_features(base, self.encoder, [rows[i] for i in chunk])
            found[chunk] = features.cpu().numpy()
        return found

    def prefix(self, base: Base, z: npt.ArrayLike) -> Tensor:
        """The attention prefix of one z (K,): (L, 2, H, P, E)."""
        point = torch.as_tensor(
            np.asarray(z, dtype=np.float32), device=self.adapter.inner.weight.device
        )
        with torch.no_grad():
            return self.adapter.prefix(base, point[None])[0]

    def bits_per_byte(
        self, base: Base, answers: Sequence[tuple[Prompt, str]], batch_size: int = 8
    ) -> list[float | None]:
        """How hard the base finds each answer, as far as the space reads it; None if it is empty.

        Batches are small: logits over a large vocabulary take a gigabyte for a few dozen answers.
        """
        limit = self.config.max_response_tokens
        responses = [base.response_ids(response, limit)[0] for _, response in answers]
        prompts = [base.prompt_ids(prompt, self.config.max_prompt_tokens) for prompt, _ in answers]
        sizes = [len(base.text(ids).encode()) for ids in responses]
        nll: list[float] = []
        for start in range(0, len(answers), batch_size):
            part = slice(start, start + batch_size)
            with torch.no_grad():
                nll += base.negative_log_likelihood(prompts[part], responses[part]).tolist()
        return [
            nats / math.log(2) / size if size else None
            for nats, size in zip(nll, sizes, strict=True)
        ]

    # -- files ------------------------------------------------------------------------------

    def save(self, directory: Path) -> None:
        """Write the two files; a reader never sees one half-written."""
        from safetensors.torch import save

        description = {"format": FORMAT, "fingerprint": self.fingerprint(), **asdict(self.config)}
        write_files(directory, description, save(self._tensors()))

    @classmethod
    def load(cls, directory: Path) -> Space:
        """Read a space.

        Raises:
            NotFoundError: there is none.
            DataError: it is damaged or of a newer format.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        description = read_description(directory)
        del description["format"]
        fingerprint = description.pop("fingerprint")
        try:
            description["encoder"] = EncoderConfig(**description["encoder"])
            description["adapter"] = AdapterConfig(**description["adapter"])
            low, high = description["own_bits_per_byte"]
            description["own_bits_per_byte"] = (low, high)
            config = SpaceConfig(**description)
            # Without memory of their own: sizes that the weights do not have claim none.
            with torch.device("meta"):
                encoder, adapter = Encoder(config.encoder), Adapter(config.adapter)
                encoder.whiten = torch.zeros(config.latent_size, config.encoder.latent_size)
            tensors = load_file(directory / WEIGHTS)
            prior = Prior(tensors.pop("reference"), tensors.pop("reference_log_var"))
            lora = {
                name.removeprefix(LORA): tensors.pop(name).float()
                for name in sorted(tensors)
                if name.startswith(LORA)
            }
            state = {name: tensor.float() for name, tensor in tensors.items()}
            parts = torch.nn.ModuleDict({"encoder": encoder, "adapter": adapter})
            parts.load_state_dict(state, assign=True)
            _check_sizes(config, prior)
        except (
            KeyError,
            TypeError,
            ValueError,
            RuntimeError,
            ArithmeticError,  # no heads to divide the width by
            AssertionError,  # heads that do not divide it
            OSError,
            SafetensorError,
            UsageError,
        ) as error:
            raise damaged(directory, "its sizes and weights do not fit together") from error
        space = cls(config, encoder, adapter, prior, lora or None)
        if space.fingerprint() != fingerprint:
            raise damaged(directory, "its weights are not those that its fingerprint is of")
        return space

    def _tensors(self) -> dict[str, Tensor]:
        """Weights in float16, which `half_precision` made lossless; geometry in float32."""
        parts = torch.nn.ModuleDict({"encoder": self.encoder, "adapter": self.adapter})
        exact = ("whiten", "centre", "inner.weight")
        found = {
            name: tensor.cpu() if name.endswith(exact) else tensor.cpu().half()
            for name, tensor in parts.state_dict().items()
        }
        lora = self.lora.state() if isinstance(self.lora, Lora) else self.lora or {}
        return {
            **found,
            **{LORA + path: weight.half() for path, weight in lora.items()},
            "reference": self.prior.mean.cpu(),
            "reference_log_var": self.prior.log_var.cpu(),
        }


def _check_sizes(config: SpaceConfig, prior: Prior) -> None:
    """Refuse what no weight of encoder or adapter tells.

    Raises:
        ValueError: a size is not K, or the prior's two parts differ.
    """
    if config.adapter.latent_size != config.latent_size:
        raise ValueError("the adapter takes another number of directions")
    if not len(prior.mean) or prior.mean.shape != prior.log_var.shape:
        raise ValueError("the prior's means and variances differ in shape")
