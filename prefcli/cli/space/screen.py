"""How a space reads on a screen: its sizes, its directions in words, what to think of it.

One screen for `space show`, `space eval` and `space train`; what a report does not hold is left
out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.cli import words
from prefcli.output import Column, Output

DIRECTIONS = (
    Column("direction", "DIRECTION", right=True),
    Column("consistency", "BACK"),
    Column("changes", "WHAT ITS FAR END CHANGES", shrinks=True, wraps=True),
)


def show(output: Output, space: Mapping[str, Any], as_json: bool) -> None:
    """Print a space with its report and verdict, as JSON or for a person."""
    if as_json:
        output.json(space)
        return
    output.fields(dict(_sizes(space)))
    if rows := directions(space.get("report", {})):
        output.text("")
        known = [column for column in DIRECTIONS if column.key in rows[0]]
        output.table(known, rows)
    if "verdict" in space:
        output.text("")
        output.fields(_verdict(space["verdict"]))


def directions(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row per direction: its number, its correlation, and what it changes in words."""
    from prefcli.latent.describe import in_words

    told = {row["direction"]: row for row in report.get("directions_text", [])}
    back, ends = report.get("consistency", []), report.get("consistency_interval", [])
    rows = []
    for number, value in enumerate(back, start=1):
        shown = _with_interval(value, ends[number - 1] if ends else None)
        rows.append({"direction": str(number), "consistency": shown})
        if told:
            rows[-1]["changes"] = in_words(told[number]) if number in told else "-"
    return rows


def _sizes(space: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields but for what has a place of its own below."""
    report = space.get("report", {})
    own = {"report", "verdict", "contrastive_accuracy", "in_use", "plot"}
    for name, value in space.items():
        if name not in own:
            yield name, value
    if "in_use" in space:
        yield "in_use", space["in_use"]
    if "prompts_seen" in report:
        steps = f", {report['steps']} steps" if "steps" in report else ""
        yield "trained on", f"{words.count(report['prompts_seen'], 'prompt')}{steps}"
    if "answers" in report and "prompts" in report and "answers" not in space:
        answers = words.count(report["answers"], "answer")
        yield "measured on", f"{answers} to {words.count(report['prompts'], 'other prompt')}"
    if "contrastive_accuracy" in report:
        yield "told apart", f"{100 * report['contrastive_accuracy']:.1f} %"
    if isinstance(report.get("nll"), Mapping):
        yield "nats per token", _likelihoods(report["nll"])


def _likelihoods(nll: Mapping[str, float]) -> dict[str, str]:
    """How likely the base finds what, each beside its own answers."""
    names = {
        "base": "the base's answers",
        "own_z": "under their own z",
        "prior_z": "under another's z",
        "prior_marginal": "under all z together",
        "prior_text": "text from z",
    }
    return {
        label: f"{nll[name]:.3f}"
        + ("" if name == "base" else f" ({100 * (nll[name] / nll['base'] - 1):+.0f} %)")
        for name, label in names.items()
        if name in nll
    }


def _verdict(verdict: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {"verdict": verdict["summary"]}
    steps = [f"{complaint['what']}: {complaint['remedy']}" for complaint in verdict["complaints"]]
    for number, step in enumerate(steps, start=1):
        told["what to do" if len(steps) == 1 else f"what to do, {number}"] = step
    if verdict["unknown"]:
        told["not measured"] = "; ".join(verdict["unknown"]) + " (prefcli space eval measures it)"
    return told


def _with_interval(value: float, ends: list[float] | None) -> str:
    return f"{value:.2f}" if ends is None else f"{value:.2f} ({ends[0]:.2f} to {ends[1]:.2f})"
