"""Every task by name, but for the one that only predicts votes (`arguments`)."""

from __future__ import annotations

from benchmarks.tasks.base import Task
from benchmarks.tasks.dialogue import Dialogue
from benchmarks.tasks.reviews import Reviews
from benchmarks.tasks.styles import Styles
from benchmarks.tasks.summaries import Summaries

TASKS: dict[str, Task] = {
    task.name: task for task in (Styles(), Reviews(), Dialogue(), Summaries())
}
