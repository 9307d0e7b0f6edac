"""What is counted: how often a fault was made, and what was lost by it."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """One kind of fault. What is lost is told in a sentence each; ``seen`` counts what it met with."""

    fault: str
    times: int = 0
    lost: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)

    def add(self, problem: str | None, seen: str = "") -> None:
        """Count one more, with what is wrong after it; None for nothing."""
        self.times += 1
        if problem is not None:
            self.lost.append(problem)
        if seen:
            self.seen[seen] += 1


def table(tallies: list[Tally]) -> str:
    """Return the table for people: a row a fault, and below it what was lost."""
    width = max(len(one.fault) for one in tallies) + 2
    rows = [f"{'fault':{width}}{'times':>7}{'survived':>10}{'lost':>6}   met with"]
    for one in tallies:
        seen = ", ".join(f"{name} {count}" for name, count in one.seen.most_common())
        rows.append(f"{one.fault:{width}}{one.times:7}{one.times - len(one.lost):10}{len(one.lost):6}   {seen}")
    return "\n".join([*rows, *(f"LOST ({one.fault}): {problem}" for one in tallies for problem in one.lost)])
