"""How a profile reads on a screen: whether it learned anything, what, how surely, and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prefcli.chart import BarRow
from prefcli.cli import words
from prefcli.output import Column, Output
from prefcli.solvers.learned import in_words

LATENT_DPO = "latent-dpo"
ELSEWHERE = ("blend", "copy", "import")  # origins whose judgements are not the user's own
COUNTS = (
    Column("id", "ID", words.name, right=True),
    Column("turns", "TURNS IT", right=True),
    Column("judgement", "JUDGED", words.name, shrinks=True),
    Column("prompt", "PROMPT", words.text, shrinks=True),
    Column("responses", "ANSWER", words.first, shrinks=True),
)
CONTRADICTS = (COUNTS[0], Column("chance", "EXPECTED", right=True), *COUNTS[2:])


def show(output: Output, profile: Mapping[str, Any], as_json: bool) -> None:
    """Print a profile, as JSON or for a person."""
    if as_json:
        output.json(profile)
        return
    output.fields(dict(_facts(profile)))
    if _nothing(profile):
        return
    likes = profile["likes"]
    if likes["features"] or likes["words"] or likes["words_against"]:
        output.text(f"\n{_heading(profile)}")
        output.bars([_bar(each) for each in likes["features"]])
        if told := _words(likes):
            output.text(told)
    if counted := profile["influence"]:
        output.text("\nWhat counts most: without it the taste would turn by")
        rows = [row | {"turns": _degrees(row["degrees"])} for row in counted]
        output.table(COUNTS, map(_judged, rows))
    if contradicting := profile["contradictions"]:
        output.text("\nWhat contradicts the rest: by the other prompts, how likely it was")
        rows = [row | {"chance": f"{100 * row['expected']:.0f} %"} for row in contradicting]
        output.table(CONTRADICTS, map(_judged, rows))


def _facts(profile: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield "profile", profile["profile"]
    yield "made" if _made(profile) else "fitted", words.moment(profile["created"]) + _made(profile)
    yield "space", f"{profile['space']} of base {profile['base']}"
    yield "size", words.size(profile["bytes"])
    yield "feedback", _feedback(profile)
    if profile.get("method") == LATENT_DPO:
        yield "method", LATENT_DPO
    if profile.get("half_life"):
        yield "half-life", f"{profile['half_life']:g} days"
    yield "verdict", _verdict(profile)
    if _nothing(profile):
        return
    sure = profile["certainty"]
    if sure is None:
        yield "how sure", _unsure(profile)
        return
    yield "how sure", _sure(sure, profile["user"])
    yield "more answers", _more(sure)
    if not profile["likes"]["features"]:
        yield "what", "nothing yet that words could tell surely"
    if profile["contradictions"] == [] and not _early(profile):
        yield "contradictions", "none: the others make no judgement unlikely"


def _feedback(profile: Mapping[str, Any]) -> str:
    kinds = profile.get("kinds") or {}
    told = ", ".join(words.count(number, kind) for kind, number in kinds.items()) or "none"
    if profile.get("prompts"):
        told += f" on {words.count(profile['prompts'], 'prompt')}"
    if profile["origin"] in ELSEWHERE:
        return told
    changes = profile["changes"]
    changed = [
        f"{changes[name]} {what}"
        for name, what in (("new", "more"), ("removed", "removed"))
        if changes[name]
    ]
    if changed:
        told += f"; since then {' and '.join(changed)}: prefcli fit --user {profile['user']}"
    return told


def _made(profile: Mapping[str, Any]) -> str:
    """How a version came about that is no fit."""
    if profile["origin"] == "fit":
        return ""
    parents = profile["parents"]
    return f", {profile['origin']}" + (f" of {', '.join(parents)}" if parents else "")


def _verdict(profile: Mapping[str, Any]) -> str:
    if profile["learned"] is None and profile["origin"] in ELSEWHERE:
        return "not measured: this is no fit"
    told = in_words(profile["learned"])
    return f"before the edit, {told}" if profile.get("edited") else told


def _unsure(profile: Mapping[str, Any]) -> str:
    """Why it cannot be told how sure a profile is."""
    if profile.get("edited"):
        return "not known: the examples of an edit are no judgements"
    if profile["origin"] in ELSEWHERE:
        return "not known here: its judgements are not this user's"
    if profile.get("method") == LATENT_DPO:
        return f"{LATENT_DPO} says nothing of it"
    return "the judgements that it was fitted on are not all here: fit again to see"


def _sure(sure: Mapping[str, Any], user: str) -> str:
    return (
        f"{sure['words']}: it would put two of the base's answers in {user}'s order "
        f"{100 * sure['in_order']:.0f} times in 100"
    )


def _more(sure: Mapping[str, Any]) -> str:
    more = sure["more_answers"]
    if more == 0:
        return "would change little"
    if more is None:
        return "hundreds more, or answers that differ more from each other"
    goal = sure["next"]
    made = "give it a rough idea" if goal == "a rough idea" else f"make it {goal}"
    return f"about {more} more would {made}"


def _nothing(profile: Mapping[str, Any]) -> bool:
    return profile["reach"] is None or (profile["learned"] or {}).get("verdict") == "no"


def _early(profile: Mapping[str, Any]) -> bool:
    return (profile["learned"] or {}).get("verdict") == "too early"


def _heading(profile: Mapping[str, Any]) -> str:
    start = "So far it looks as if answers" if _early(profile) else "Answers"
    return f"{start} that {profile['user']} likes are, against the base's own"


def _bar(each: Mapping[str, Any]) -> BarRow:
    size = abs(each["shift"])
    much = "much" if size >= 1 else "" if size >= 0.5 else "a little"
    sure = each["sure"] >= 0.95
    note = ", ".join(filter(None, (much, "" if sure else "probably")))
    return BarRow(each["words"], size, note, faint=not sure)


def _words(likes: Mapping[str, Any]) -> str:
    more, less = (
        ", ".join(f'"{word}"' for word in likes[name]) for name in ("words", "words_against")
    )
    return "\n".join(
        f"{start} {told}" for start, told in (("more of", more), ("less of", less)) if told
    )


def _degrees(value: float) -> str:
    return f"{value:.0f} degrees" if value >= 0.95 else "less than 1"


def _judged(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "judgement": words.judgement(dict(row))}
