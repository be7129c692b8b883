"""The rule sets that a study uses: those shipped, changed by files of the user; and the choice of an edition."""

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from counterpoise.errors import InputError, PlanError, Problem
from counterpoise.oncology.definition import Derivation, nearest_or_all
from counterpoise.oncology.derivations import COMPUTED, SITES, derivations
from counterpoise.oncology.endpoints import EndpointRule, endpoint_rules
from counterpoise.oncology.quality_check import Check
from counterpoise.oncology.quality_faults import check_rules
from counterpoise.oncology.rule_tables import Content, changed, read_rules
from counterpoise.oncology.toxicity import ToxicityScale, toxicity_scales
from counterpoise.read.names import nearest_or_valid

Offered = TypeVar("Offered")
ByEdition = Mapping[str, Mapping[str, Offered]]
Reader = Callable[[Content], ByEdition[Any]]

_READERS: Mapping[str, Reader] = {
    **{name: partial(derivations, name) for name in COMPUTED},
    "endpoints": endpoint_rules,
    "toxicity": toxicity_scales,
    "quality": check_rules,
}
RULE_SETS = tuple(_READERS)
"""The names of the rule sets, in the order in which they are listed."""
_NEW_SITE = re.compile(rf"{SITES}[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A user's file: the rule set that it changes, its SHA-256, the shipped rules it replaces and those it adds."""

    rule_set: str
    file: str
    sha256: str
    replaced: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleSets:
    """Every rule that a study may name, set by set, rule by rule, edition by edition.

    `files` are the user's files that changed them.
    """

    sets: Mapping[str, ByEdition[Any]]
    files: tuple[RuleFile, ...] = field(default=())

    @property
    def derivations(self) -> ByEdition[Derivation]:
        """The rules by which variables may be derived."""
        return {rule: self.sets[name][rule] for name in self.sets if _derives(name) for rule in self.sets[name]}

    @property
    def endpoints(self) -> ByEdition[EndpointRule]:
        """The endpoints."""
        return self.sets["endpoints"]

    @property
    def scales(self) -> ByEdition[ToxicityScale]:
        """The scales of toxicity."""
        return self.sets["toxicity"]

    @property
    def checks(self) -> Mapping[str, Check]:
        """The checks of the records by id."""
        found: ByEdition[Check] = self.sets["quality"]
        return {name: check for name, editions in found.items() for check in editions.values()}

    def derivation(self, rule: str, edition: str | None = None) -> Derivation:
        """Return a rule in an edition, which may be left out where there is one; raises `InputError`.

        >>> SHIPPED.derivation("her2_status", "ASCO/CAP 2018").edition
        'ASCO/CAP 2018'
        """
        return chosen(self.derivations, rule, edition)

    def endpoint(self, rule: str, edition: str | None = None) -> EndpointRule:
        """Return an endpoint in an edition, which may be left out where there is one; raises `InputError`."""
        return chosen(self.endpoints, rule, edition)

    def scale(self, name: str, edition: str | None = None) -> ToxicityScale:
        """Return a scale of toxicity in an edition, which may be left out where there is one; raises `InputError`."""
        return chosen(self.scales, name, edition, noun="scale")

    def file_of(self, rule_set: str, rule: str) -> str:
        """Return the user's file from which a rule comes; nothing where it is shipped."""
        found = (own.file for own in self.files if own.rule_set == rule_set and rule in (*own.replaced, *own.added))
        return next(found, "")

    def set_of(self, derivation: str) -> str:
        """Return the rule set of a rule by which variables are derived."""
        return next(name for name in self.sets if _derives(name) and derivation in self.sets[name])


def chosen(offered: ByEdition[Offered], rule: str, edition: str | None, *, noun: str = "rule") -> Offered:
    """Return the rule of that name and edition; raises `InputError` where there is none, or more than one.

    >>> chosen(SHIPPED.endpoints, "overall_survival", "STEEP 3.0")
    Traceback (most recent call last):
    counterpoise.errors.InputError: rule `overall_survival` has no edition `STEEP 3.0`; did you mean `STEEP 2.0`?
    """
    if rule not in offered:
        raise InputError(f"there is no {noun} `{rule}`; {nearest_or_all(rule, list(offered))}")
    editions = offered[rule]
    if edition is None and len(editions) == 1:
        return next(iter(editions.values()))
    if edition is None:
        listed = ", ".join(f'"{name}"' for name in editions)
        raise InputError(f"{noun} `{rule}` has several editions; name one by `edition`: {listed}")
    if edition not in editions:
        raise InputError(f"{noun} `{rule}` has no edition `{edition}`; {nearest_or_all(edition, list(editions))}")
    return editions[edition]


def load_rule_sets(files: Mapping[str, str], folder: Path) -> RuleSets:
    """Return the shipped rule sets with the tables of the user's files in place of those of the same name.

    `files` maps a rule set to the path of a TOML file, which starts at `folder`; a name that begins with `staging/`
    and is not that of a shipped set adds a site. Raises `PlanError` with everything
    that is wrong with all files.
    """
    sets, used, problems = dict(SHIPPED.sets), list[RuleFile](), list[Problem]()
    for name, file in files.items():
        try:
            sets[name], described = _changed_set(name, folder / file)
            used.append(described)
        except PlanError as error:
            problems += error.problems
    if not problems:
        problems = _repeated(sets, used)
    if problems:
        raise PlanError(problems)
    return RuleSets(sets, tuple(used))


def _changed_set(name: str, path: Path) -> tuple[ByEdition[Any], RuleFile]:
    if name not in _READERS and not _NEW_SITE.fullmatch(name):
        what = f"there is no rule set `{name}`"
        raise PlanError([Problem("plan: rules", what, nearest_or_valid(name, list(RULE_SETS)))])
    own, sha256 = _read_file(name, path)
    shipped = read_rules(name) if name in _READERS else Content()
    tables, problems = changed(shipped, own)
    try:
        made = _READERS.get(name, partial(derivations, name))(tables)
    except PlanError as error:
        problems += error.problems
        made = {}
    # A fault of an argument shows again in every shipped rule that shares it; the first of them is the user's.
    problems = [p for p in problems if p.where.startswith(tuple(own))] or problems
    if problems:
        raise PlanError([Problem(f"{path.name}: {p.where}", p.what, p.remedy) for p in dict.fromkeys(problems)])
    replaced = tuple(rule for rule in own if rule in shipped)
    added = tuple(rule for rule in own if rule not in shipped)
    return made, RuleFile(name, path.name, sha256, replaced, added)


def _read_file(name: str, path: Path) -> tuple[Content, str]:
    try:
        content = path.read_bytes()
        own = tomllib.loads(content.decode("utf-8-sig"))
    except FileNotFoundError as error:
        what = f"there is no file `{path.name}`"
        raise PlanError([Problem(f"plan: rules.{name}", what, "its path starts at the folder of the plan")]) from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError([Problem(path.name, f"is not valid TOML: {error}", "mend that line")]) from error
    except (OSError, UnicodeDecodeError) as error:
        what = "cannot be read as UTF-8 text"
        raise PlanError([Problem(path.name, what, "a rule file is a TOML file")]) from error
    if not own:
        raise PlanError([Problem(path.name, "holds no table", f"see `counterpoise rules {name}` for the form")])
    return own, hashlib.sha256(content).hexdigest()


def _repeated(sets: Mapping[str, ByEdition[Any]], used: list[RuleFile]) -> list[Problem]:
    """Find rules added under a name that another set has: the plan names a rule without its set."""
    return [
        Problem(f"{own.file}: {rule}", f"`{name}` has a rule of that name already", "give it another name")
        for own in used
        for rule in own.added
        for name in sets
        if _derives(own.rule_set) and _derives(name) and name != own.rule_set and rule in sets[name]
    ]


def _derives(name: str) -> bool:
    """Say whether the rules of a rule set make a column of others."""
    return name in COMPUTED or name.startswith(SITES)


SHIPPED = RuleSets({name: reader(read_rules(name)) for name, reader in _READERS.items()})
"""The rule sets as they are shipped."""
