"""Any judgement at all, for tests of properties."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from prefcli.feedback.records import KINDS, Feedback, Message

text = st.text(st.characters(), max_size=20)  # lone surrogates and NUL included
readable = st.text(st.characters(codec="utf-8"), max_size=20)  # as every reader lets in
plain = st.none() | st.text(st.characters(codec="utf-8"), max_size=8)


@st.composite
def judgements(draw: st.DrawFn, user: str, text: st.SearchStrategy[str] = text) -> Feedback:
    kind = draw(st.sampled_from(KINDS))
    roles = st.sampled_from(["system", "user", "assistant", "tool"])
    turns = draw(st.lists(st.builds(Message, roles, text), max_size=2))
    count = draw(st.integers(2, 4)) if kind == "ranking" else 2 if kind in ("pair", "edit") else 1
    said: dict[str, Any] = {}
    if kind == "pair":
        said["value"] = draw(st.sampled_from([0.5, 1.0]))
        if draw(st.booleans()):
            said |= {"strength": draw(st.integers(0, 3)), "low": 0, "high": 3}
    elif kind == "thumb":
        said["value"] = draw(st.sampled_from([0.0, 1.0]))
    elif kind == "rating":
        said["value"] = draw(st.floats(-2, 2))
        said["low"] = draw(st.sampled_from([None, -2, -3]))
        said["high"] = draw(st.sampled_from([None, 2, 7.5]))
    elif kind == "ranking":
        given_ranks = draw(st.lists(st.integers(1, 4), min_size=count, max_size=count))
        said["ranks"] = tuple(sorted(set(given_ranks)).index(rank) + 1 for rank in given_ranks)
    return Feedback(
        user=user,
        kind=kind,
        prompt=(*turns, Message("user", "and " + draw(text))),
        responses=tuple(draw(text) for _ in range(count)),
        row_id=draw(plain),
        time=draw(plain),
        annotator=draw(plain),
        reason=draw(plain),
        **said,
    )
