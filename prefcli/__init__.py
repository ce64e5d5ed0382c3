"""Personal preference profiles for local language models.

The public API. A name is imported when it is first used, so that `import prefcli` costs nothing
and only what runs a model loads torch:

    import prefcli

    with prefcli.Store.open() as store:
        prefcli.ingest(store, ["feedback.jsonl"], user="alice")
        prefcli.fit(store, "alice")
        answer = prefcli.generate(store, "How do I cook rice?", profile="alice")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefcli.errors import DataError, NotFoundError, PrefcliError, UsageError
    from prefcli.feedback.records import Feedback, Message
    from prefcli.profile import Profile
    from prefcli.services.bases import add_base
    from prefcli.services.batch import generate_batch
    from prefcli.services.blind_test import blind_scores, blind_test
    from prefcli.services.evaluation import evaluate
    from prefcli.services.fit import fit, fit_all
    from prefcli.services.generate import generate
    from prefcli.services.ingest import ingest
    from prefcli.services.space_training import train_space
    from prefcli.store import Store

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "Feedback",
    "Message",
    "NotFoundError",
    "PrefcliError",
    "Profile",
    "Store",
    "UsageError",
    "__version__",
    "add_base",
    "blind_scores",
    "blind_test",
    "evaluate",
    "fit",
    "fit_all",
    "generate",
    "generate_batch",
    "ingest",
    "train_space",
]

_HOMES = {
    "DataError": "prefcli.errors",
    "Feedback": "prefcli.feedback.records",
    "Message": "prefcli.feedback.records",
    "NotFoundError": "prefcli.errors",
    "PrefcliError": "prefcli.errors",
    "Profile": "prefcli.profile",
    "Store": "prefcli.store",
    "UsageError": "prefcli.errors",
    "add_base": "prefcli.services.bases",
    "blind_scores": "prefcli.services.blind_test",
    "blind_test": "prefcli.services.blind_test",
    "evaluate": "prefcli.services.evaluation",
    "fit": "prefcli.services.fit",
    "fit_all": "prefcli.services.fit",
    "generate": "prefcli.services.generate",
    "generate_batch": "prefcli.services.batch",
    "ingest": "prefcli.services.ingest",
    "train_space": "prefcli.services.space_training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'prefcli' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
