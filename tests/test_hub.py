"""The Hub: what is pushed is what is pulled, and each failure is one line.

The library's own client talks to a small server on this machine where failures are looked at; the
way up is a directory that refuses words which the library would not take.
"""

from __future__ import annotations

import inspect
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError

from prefcli import hub
from prefcli.errors import NotFoundError, PrefcliError, UsageError
from prefcli.latent.files import read_description
from prefcli.services.portable import portable_space
from prefcli.services.space_hub import FILE, model_card, pull_space, push_space
from prefcli.store import Store
from tests.cli.conftest import run  # noqa: F401

REPO = "me/everyday"


class DirectoryHub:
    """The methods of `HfApi` that are used, over a directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.private: dict[str, bool | None] = {}

    def __getattr__(self, name: str) -> Any:
        def call(*words: Any, **options: Any) -> Any:
            # What the real method would not take is an error here, too.
            bound = inspect.signature(getattr(HfApi, name)).bind(self, *words, **options)
            del bound.arguments["self"]
            return getattr(self, f"_{name}")(**bound.arguments)

        if name.startswith("_"):
            raise AttributeError(name)
        return call

    def _create_repo(self, repo_id: str, private: bool, **_: Any) -> None:
        self.private.setdefault(repo_id, private)
        (self.root / repo_id / "main").mkdir(parents=True, exist_ok=True)

    def _create_branch(self, repo_id: str, branch: str, **_: Any) -> None:
        (self.root / repo_id / branch).mkdir(exist_ok=True)

    def _create_commit(
        self, repo_id: str, operations: list[Any], revision: str | None = None, **_: Any
    ) -> Any:
        for operation in operations:
            target = self.root / repo_id / (revision or "main") / operation.path_in_repo
            target.write_bytes(operation.path_or_fileobj)
        return SimpleNamespace(commit_url=f"https://hub/{repo_id}/commit/1")

    def _hf_hub_download(
        self,
        repo_id: str,
        filename: str,
        local_dir: Path,
        revision: str | None = None,
        **_: Any,
    ) -> str:
        source = self.root / repo_id / (revision or "main") / filename
        response: Any = SimpleNamespace(headers={}, status_code=404, request=None)
        if not (self.root / repo_id).is_dir():
            raise RepositoryNotFoundError("404", response=response)
        if not source.is_file():
            raise RemoteEntryNotFoundError("404", response=response)
        target = Path(local_dir) / filename
        target.write_bytes(source.read_bytes())
        return str(target)


@pytest.fixture
def directory_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DirectoryHub:
    found = DirectoryHub(tmp_path / "hub")
    monkeypatch.setattr(hub, "_api", lambda: found)
    return found


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    with Store.open() as store:
        yield store


def test_what_was_pushed_is_pulled_as_the_same_space(
    store: Store, directory_hub: DirectoryHub
) -> None:
    told = push_space(store, "tiny", REPO, private=True)
    assert (told["repo"], told["revision"], told["url"]) == (
        REPO,
        "main",
        "https://hub/me/everyday/commit/1",
    )
    assert directory_hub.private == {REPO: True}
    files = {path.name for path in (directory_hub.root / REPO / "main").iterdir()}
    assert files == {FILE, "README.md"}
    pulled = pull_space(store, REPO)
    assert (pulled["space"], pulled["imported"]) == ("everyday", True)
    assert pulled["fingerprint"] == told["fingerprint"]
    one, two = (portable_space(store, name)[1].to_bytes() for name in ("tiny", "everyday"))
    assert one == two
    assert pull_space(store, REPO)["imported"] is False
    assert pull_space(store, REPO, "other")["space"] == "other"


def test_a_revision_is_a_branch_of_its_own(store: Store, directory_hub: DirectoryHub) -> None:
    push_space(store, "tiny", REPO, revision="draft")
    with pytest.raises(NotFoundError, match="it was not made by `space push`"):
        pull_space(store, REPO)
    assert pull_space(store, REPO, revision="draft")["imported"] is True
    with pytest.raises(NotFoundError, match="no repository 'me/absent' on the Hugging Face Hub"):
        pull_space(store, "me/absent")


def test_the_card_says_what_the_space_is_and_runs_no_markup_of_it(store: Store) -> None:
    reference, portable = portable_space(store, "tiny")
    card = model_card(portable, "tiny", "tiny", REPO)
    assert card.startswith("---\nlibrary_name: prefcli\n")
    for part in (
        portable.fingerprint,
        portable.description["base_fingerprint"],
        "| directions | 11 |",
        "0.90, 0.91",
        f"prefcli space pull {REPO} tiny",
    ):
        assert part in card
    assert "base add" not in card
    portable.description["report"]["contrastive_accuracy"] = "<script>\n---\n| x |"
    assert "<script>" not in model_card(portable, "tiny", "mine", REPO).replace("\\<", "")
    assert read_description(reference.directory)["base"] == "tiny"


# -- failures, as the library itself raises them ------------------------------------------------


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What a server in place of the Hub answers to everything."""
    answer: dict[str, Any] = {"status": 404, "headers": {}}

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(answer["status"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(b"{}")

        do_GET = do_HEAD = do_POST = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(hub, "_api", lambda: HfApi(endpoint=endpoint, token=False))
    yield answer
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (404, "RepoNotFound", NotFoundError, "no repository 'me/everyday'"),
        (404, "RevisionNotFound", NotFoundError, "check --revision"),
        (404, "EntryNotFound", NotFoundError, "no space in 'me/everyday'"),
        (403, "GatedRepo", NotFoundError, "its owner has to let you in"),
    ],
)
def test_what_is_not_there_to_be_read_is_not_found(
    answers: dict[str, Any],
    tmp_path: Path,
    status: int,
    code: str,
    kind: type[PrefcliError],
    told: str,
) -> None:
    answers |= {"status": status, "headers": {"X-Error-Code": code}}
    with pytest.raises(kind, match=told) as caught:
        hub.download(REPO, FILE, tmp_path)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("status", [401, 403])
def test_without_a_token_that_allows_it_nothing_is_uploaded(
    answers: dict[str, Any], status: int
) -> None:
    answers["status"] = status
    with pytest.raises(PrefcliError, match="hf auth login") as caught:
        hub.upload(REPO, {"README.md": b"x"})
    assert "\n" not in caught.value.message


def test_without_a_network_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setattr(
        hub, "_api", lambda: HfApi(endpoint=f"http://127.0.0.1:{port}", token=False)
    )
    for use in (
        lambda: hub.download(REPO, FILE, tmp_path),
        lambda: hub.upload(REPO, {"README.md": b"x"}),
    ):
        with pytest.raises(PrefcliError, match="cannot reach the Hugging Face Hub") as caught:
            use()
        assert caught.value.exit_code == 1
        assert "\n" not in caught.value.message


def test_words_that_are_no_repository_are_a_usage_error(
    store: Store,
) -> None:
    for repo_id in ("a/b/c", "me/-", "me/al\udcff", "me/", ""):
        with pytest.raises(UsageError):
            push_space(store, "tiny", repo_id)
        with pytest.raises(UsageError):
            pull_space(store, repo_id, "name")
        with pytest.raises(UsageError, match="is no repository"):
            hub.upload("a/b/c", {})


def test_push_and_pull_are_commands(
    run: Any,  # noqa: F811
    directory_hub: DirectoryHub,
) -> None:
    assert run("space", "push", "tiny", REPO).stdout == "https://hub/me/everyday/commit/1\n"
    pushed = json.loads(run("space", "push", "tiny", REPO, "--json").stdout)
    pulled = json.loads(run("space", "pull", REPO, "--json").stdout)
    assert pulled["fingerprint"] == pushed["fingerprint"]
    result = run("space", "pull", "me/absent")
    assert (result.exit_code, result.stdout) == (66, "")
    assert result.stderr.count("\n") == 1
