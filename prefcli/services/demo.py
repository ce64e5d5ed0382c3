"""The demonstration: one question, three answers, in a home that is thrown away afterwards."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefcli.services.batch import generate_batch
from prefcli.services.fit import fit
from prefcli.services.ingest import ingest
from prefcli.services.starters import starter_directory
from prefcli.store import Store

if TYPE_CHECKING:
    from prefcli.progress import Progress

USERS = {
    "alice": "likes it short and warm, with an emoji; no lists, nothing formal",
    "bob": "likes it formal, thorough and numbered, no emoji",
}
PROMPT = "How do I cook rice?"
SEED = 0
COMMANDS = (
    "prefcli ingest FEEDBACK.jsonl --user alice",
    "prefcli fit --user alice",
    f'prefcli generate --profile alice "{PROMPT}"',
)


def demo(progress: Progress | None = None, seed: int = SEED) -> dict[str, Any]:
    """Ingest and fit the starter users, and let the base, alice and bob answer one question.

    Returns:
        `prompt`; `users`: what each likes; `answers`: `profile` (None for the base) and
        `response` of each; `steps`: what each step was and its `seconds`; `commands`: how to do
        it oneself.

    Raises:
        NotFoundError: the installation lacks the starter feedback.
    """
    steps: list[dict[str, Any]] = []
    started = time.perf_counter()

    def took(step: str) -> None:
        nonlocal started
        now = time.perf_counter()
        steps.append({"step": step, "seconds": round(now - started, 4)})
        started = now

    folder = starter_directory()
    with (
        tempfile.TemporaryDirectory(prefix="prefcli-demo-") as home,
        Store.open(Path(home)) as store,
    ):
        for user in USERS:
            read = ingest(store, [str(folder / f"{user}.jsonl")], user=user).read
            took(f"ingest {read} opinions of {user}")
        for number, user in enumerate(USERS):
            report = fit(store, user, progress=progress)
            started = time.perf_counter()
            steps.append(
                {
                    "step": f"encode {2 * report.pairs} answers for {user}"
                    + (", loading the base" if number == 0 else ""),
                    "seconds": report.encode_seconds,
                }
            )
            steps.append({"step": f"solve for {user}'s taste", "seconds": report.solve_seconds})
        lines = [json.dumps({"prompt": PROMPT, "profile": user}) for user in (None, *USERS)]
        records = list(generate_batch(store, lines, seed=seed, progress=progress))
        took("three answers, as one batch")
    return {
        "prompt": PROMPT,
        "users": dict(USERS),
        "answers": [{"profile": r["profile"], "response": r["response"]} for r in records],
        "steps": steps,
        "commands": list(COMMANDS),
    }
