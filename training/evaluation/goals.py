"""Stated goals: where a number stands in the results, and what it should be."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A limit on the number at `path` ("lips.kathleen.viseme_accuracy") of the results; one of the two bounds."""

    name: str
    path: str
    at_least: float | None = None
    at_most: float | None = None

    def measured(self, result: dict) -> float | None:
        """The number, or None where it was not measured."""
        value: object = result
        for key in self.path.split("."):
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None

    def met(self, value: float) -> bool:
        """Whether a measured number is within the limit."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    @property
    def limit(self) -> str:
        """The limit in words."""
        return f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"


def verdicts(goals: list[Goal], result: dict) -> list[dict]:
    """Name, path, measured, goal and met (None where nothing was measured) of every goal."""
    found = []
    for goal in goals:
        value = goal.measured(result)
        met = None if value is None else goal.met(value)
        found.append({"name": goal.name, "path": goal.path, "measured": value, "goal": goal.limit, "met": met})
    return found


def goals_table(found: list[dict]) -> str:
    """Every goal with what was measured."""
    words = {True: "met", False: "MISSED", None: "not measured"}
    lines = [f"{'goal':56s}{'measured':>12s}{'limit':>12s}"]
    for one in found:
        value = "—" if one["measured"] is None else f"{one['measured']:.3f}"
        lines.append(f"{one['name']:56s}{value:>12s}{one['goal']:>12s}  {words[one['met']]}")
    return "\n".join(lines)
