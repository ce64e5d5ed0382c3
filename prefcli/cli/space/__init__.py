"""`prefcli space`: one module per kind of command, in the order of the help page."""

from prefcli.cli.space import train  # noqa: F401 isort: skip
from prefcli.cli.space import eval  # noqa: A004, F401 isort: skip
from prefcli.cli.space import catalog  # noqa: F401 isort: skip
from prefcli.cli.space import portable  # noqa: F401 isort: skip
from prefcli.cli.space import hub  # noqa: F401 isort: skip
from prefcli.cli.space.group import commands

__all__ = ["commands"]
