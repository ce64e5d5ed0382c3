"""The Hugging Face Hub, as far as spaces need it: a few files up in one commit, one file down.

The one module that talks to it on purpose (bases are downloaded by transformers). Whatever goes
wrong on the way is told in one line, with what to do.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefcli.errors import NotFoundError, PrefcliError, UsageError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

LOGIN = "log in with `hf auth login`, or set HF_TOKEN"
LONGEST_REASON = 160  # characters of the library's own words


def upload(
    repo_id: str,
    files: Mapping[str, bytes],
    *,
    private: bool = False,
    revision: str | None = None,
    message: str = "Upload with prefcli",
) -> str:
    """Put files into a model repository, all in one commit; it is made if there is none.

    Args:
        repo_id: `user/name`.
        files: Contents by path in the repository.
        private: If it is made, only its owner can see it; one that is there stays as it is.
        revision: The branch, made if there is none; default main.
        message: Of the commit.

    Returns:
        Address of the commit.

    Raises:
        UsageError: `repo_id` cannot be one.
        NotFoundError: there is no such repository, and it cannot be made.
        PrefcliError: no token, no network, not allowed.
    """
    from huggingface_hub import CommitOperationAdd

    api = _api()
    with _explained(repo_id, "write to"):
        api.create_repo(repo_id, private=private, repo_type="model", exist_ok=True)
        if revision is not None and revision != "main":
            api.create_branch(repo_id, branch=revision, repo_type="model", exist_ok=True)
        commit = api.create_commit(
            repo_id,
            operations=[
                CommitOperationAdd(path_in_repo=path, path_or_fileobj=content)
                for path, content in files.items()
            ],
            commit_message=message,
            repo_type="model",
            revision=revision,
        )
    return str(commit.commit_url)


def download(repo_id: str, path: str, directory: Path, revision: str | None = None) -> Path:
    """Fetch one file of a model repository into a directory.

    Args:
        repo_id: `user/name`.
        path: Of the file in the repository.
        directory: Where to put it; not the library's cache, which would keep a second copy.
        revision: Branch, tag or commit; default main.

    Raises:
        UsageError: `repo_id` cannot be one.
        NotFoundError: no such repository, revision or file.
        PrefcliError: no network, not allowed.
    """
    api = _api()
    with _explained(repo_id, "read"):
        found = api.hf_hub_download(
            repo_id, path, repo_type="model", revision=revision, local_dir=directory
        )
    return Path(str(found))


def _api() -> HfApi:
    from huggingface_hub import HfApi
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    return HfApi(library_name="prefcli")


@contextmanager
def _explained(repo_id: str, what: str) -> Iterator[None]:
    """Turn whatever the library raises into one line.

    Raises:
        PrefcliError: instead.
    """
    from huggingface_hub import errors

    # The HTTP client's own errors, whichever client the library uses.
    unreachable: type[Exception] = getattr(errors, "HTTPError", OSError)
    where = f"{repo_id[:100]!r} on the Hugging Face Hub"
    try:
        with _quiet():
            yield
    except (errors.HFValidationError, UnicodeError) as error:
        raise UsageError(f"{repo_id[:100]!r} is no repository: expected USER/NAME") from error
    except errors.LocalTokenNotFoundError as error:
        raise PrefcliError(f"cannot {what} {where}: no token; {LOGIN}") from error
    except errors.GatedRepoError as error:
        raise NotFoundError(
            f"cannot {what} {where}: its owner has to let you in; ask there, and {LOGIN}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise NotFoundError(f"no such revision of {where}: check --revision") from error
    except errors.RemoteEntryNotFoundError as error:
        raise NotFoundError(f"no space in {where}: it was not made by `space push`") from error
    except errors.RepositoryNotFoundError as error:
        raise NotFoundError(
            f"no repository {where}, or it is private: check its name, and {LOGIN}"
        ) from error
    except errors.HfHubHTTPError as error:
        raise PrefcliError(_refusal(error, where, what)) from error
    except (OSError, unreachable, errors.EntryNotFoundError) as error:
        raise PrefcliError(
            f"cannot reach the Hugging Face Hub to {what} {where}{_reason(error)}: check the "
            "network"
        ) from error


def _refusal(error: OSError, where: str, what: str) -> str:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403):
        return f"cannot {what} {where}: no token, or one that does not allow it; {LOGIN}"
    return f"cannot {what} {where}{_reason(error)}: try again later"


def _reason(error: Exception) -> str:
    words = " ".join(str(error).split())
    if not words:
        return ""
    return f" ({words if len(words) <= LONGEST_REASON else words[:LONGEST_REASON] + '...'})"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library from telling each retry; a failure is told once, by us."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    try:
        logger.setLevel(logging.CRITICAL)
        yield
    finally:
        logger.setLevel(level)
