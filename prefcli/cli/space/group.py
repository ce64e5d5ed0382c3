"""The group that the commands about spaces join."""

from __future__ import annotations

from prefcli.cli.options import command_group

commands = command_group("The latent spaces of tastes, one or more per base.")
