"""Real individuals' votes on arguments (Habernal and Gurevych 2016): accuracy on held-out votes.

Nothing is generated here: there is no base on this kind of machine that could argue. What can be
measured is whether a reward fitted to somebody's votes on some debates predicts their votes on
others. The work is that of `benchmarks.individuals`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks import individuals
from prefcli import tiny
from prefcli.errors import DataError
from prefcli.output import Output

NAME = "arguments"
WORKED_ON = "dialogue"  # the task whose base reads arguments best of those that are trained here


def run(data: Path | None, work: Path, target: Path, output: Output) -> None:
    """Measure with the base and space of `WORKED_ON` where they are below `work`, else embedded.

    The results lie beside the directory of the other tasks', where `benchmarks.individuals` puts
    them.
    """
    if data is None:
        raise DataError("arguments needs --data, the directory that ukpconvarg1/ lies in")
    base, space = work / WORKED_ON / "base", work / WORKED_ON / "spaces" / "usual"
    if not (base.exists() and space.exists()):
        base, space = tiny.base_directory(), tiny.space_directory()
    found = individuals.measure(data, base, space, 0, output)
    individuals.write(found, target.parent / individuals.RESULT)
    output.text(individuals.table(found))
