"""The command line: Typer declarations, one file per command group.

A command parses its words, calls one service and emits what came back through `prefcli.output`.
Nothing in here computes, and nothing that takes long to import is imported before a command runs.
"""

from __future__ import annotations


def main() -> None:
    """Run the `prefcli` command with the words of the command line, then exit."""
    import sys
    import warnings

    if not sys.warnoptions:
        # What libraries warn of is for those who develop with them; services report their own.
        warnings.simplefilter("ignore")
    try:
        from prefcli.cli.app import app

        app(prog_name="prefcli")
    except KeyboardInterrupt:  # so early that Typer does not take care of it
        from prefcli.output import Output

        Output().interrupted()
        sys.exit(130)
