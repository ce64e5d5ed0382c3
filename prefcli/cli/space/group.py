"""The group that the commands about spaces join, and the option that they share."""

from __future__ import annotations

from typing import Annotated

import typer

from prefcli.cli.options import command_group

commands = command_group("The latent spaces of tastes, one or more per base.")

Plot = Annotated[
    str | None,
    typer.Option(
        "--plot", metavar="FILE", help="Draw it as well, as PNG or SVG; needs matplotlib."
    ),
]
