"""Count injected faults and what was lost by them."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """One kind of fault: ``losses`` contains a sentence per lost run, ``outcomes`` counts how each one ended."""

    fault: str
    times: int = 0
    losses: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)

    def add(self, problem: str | None, outcome: str = "") -> None:
        """Count one fault; ``problem`` describes what was lost, None for nothing."""
        self.times += 1
        if problem is not None:
            self.losses.append(problem)
        if outcome:
            self.outcomes[outcome] += 1


def format_table(tallies: list[Tally]) -> str:
    """Format the tallies as a table, followed by the losses."""
    width = max(len(tally.fault) for tally in tallies) + 2
    rows = [f"{'fault':{width}}{'times':>7}{'survived':>10}{'lost':>6}   outcomes"]
    for tally in tallies:
        outcomes = ", ".join(f"{name} {count}" for name, count in tally.outcomes.most_common())
        survived, lost = tally.times - len(tally.losses), len(tally.losses)
        rows.append(f"{tally.fault:{width}}{tally.times:7}{survived:10}{lost:6}   {outcomes}")
    return "\n".join([*rows, *(f"LOST ({tally.fault}): {problem}" for tally in tallies for problem in tally.losses)])
