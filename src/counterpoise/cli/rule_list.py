"""The shipped rules in words: what there is, and one rule set as it is written."""

from collections.abc import Iterator

from counterpoise.errors import InputError
from counterpoise.oncology.rule_sets import RULE_SETS, SHIPPED
from counterpoise.oncology.rule_tables import rules_text
from counterpoise.read.names import nearest_or_valid


def rule_lines() -> Iterator[str]:
    """Yield each rule set, and below it each rule with edition (a check: title) and whether its source was looked up.

    >>> [line for line in rule_lines() if line.startswith("  overall_survival: ")]
    ['  overall_survival: STEEP 2.0 (verified)']
    """
    for name in RULE_SETS:
        yield name
        for rule, editions in SHIPPED.sets[name].items():
            for edition, text in editions.items():
                yield f"  {rule}: {edition or text.title} ({_checked(text.verified, getattr(text, 'unverified', ()))})"


def rule_set_text(name: str) -> str:
    """Return a shipped rule set as TOML; raises `InputError` where there is none of that name."""
    if name not in RULE_SETS:
        raise InputError(f"There is no rule set `{name}`; {nearest_or_valid(name, list(RULE_SETS))}")
    return rules_text(name)


def _checked(verified: str, unverified: tuple[str, ...]) -> str:
    if not verified:
        return "not verified"
    return "verified in part" if unverified else "verified"
