"""`python -m prefcli` is the `prefcli` command."""

from prefcli.cli import main

main()
