"""What looking through a database has found, for people and for programs."""

from dataclasses import asdict

from cli.output import print_json, say
from core.store.engine import format_command
from core.store.integrity import CheckResult
from core.store.integrity.findings import Finding


def print_checked(checked: CheckResult, *, as_json: bool) -> None:
    """Print every finding with what to do about it, and the sum of them."""
    if as_json:
        findings = [asdict(one) for one in checked.findings]
        print_json({"database": checked.address, "backup": checked.backup, "findings": findings})
        return
    for one in checked.findings:
        say(f"{one.where}: {one.what} {_advice(one)}")
    if checked.backup is not None:
        say(f"The database as it was before is kept in {checked.backup}.")
    say(_sum(checked))


def _advice(finding: Finding) -> str:
    if finding.fixed:
        return "Mended."
    return finding.advice if not finding.fixable else f"With --mend: {finding.advice[0].lower()}{finding.advice[1:]}"


def _sum(checked: CheckResult) -> str:
    faults = [one for one in checked.findings if one.fault]
    left = [one for one in faults if not one.fixed]
    if not faults:
        return f"{checked.address}: nothing is damaged, missing or changed."
    found = f"{checked.address}: {len(faults)} fault{'' if len(faults) == 1 else 's'}"
    if checked.sound:
        return f"{found}, all mended."
    mended, curable = len(faults) - len(left), sum(one.fixable for one in left)
    if mended:
        return f"{found}, {mended} mended."
    return (
        f"{found}, {curable} of which can be mended: {format_command('db check --mend', checked.address)}"
        if curable
        else f"{found}."
    )
