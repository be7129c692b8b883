"""The rules by which the plan may derive a column, by name and edition."""

from collections.abc import Callable, Mapping

import polars as pl

from counterpoise.errors import PlanError, Problem
from counterpoise.oncology import patient, radiotherapy, receptors, recist, response, subtypes
from counterpoise.oncology.definition import Derivation, Given, RuleText, with_shared_arguments
from counterpoise.oncology.rule_checks import misfits
from counterpoise.oncology.rule_tables import Tables, checked, place_of, read_rules, unfolded
from counterpoise.oncology.staging import sites, staging_rules
from counterpoise.read.names import nearest_or_valid

_EXPRESSIONS: Mapping[str, Mapping[str, Callable[[Given], pl.Expr]]] = {
    "patient": {"age": patient.age, "crossed_groups": patient.crossed_groups},
    "receptors": {
        "allred_score": receptors.allred_score,
        "er_status": receptors.er_status,
        "hormone_receptor_status": receptors.hormone_receptor_status,
        "her2_status": receptors.her2_status,
        "ish_group": receptors.ish_group,
        "her2_expression": receptors.her2_expression,
        "ki67_class": receptors.ki67_class,
        "clinical_subtype": subtypes.clinical_subtype,
        "st_gallen_2011": subtypes.st_gallen_2011,
        "st_gallen_2013": subtypes.st_gallen_2013,
        "csco": subtypes.csco,
    },
    "response": {
        "pathological_complete_response": response.pathological_complete_response,
        "miller_payne": response.miller_payne,
        "residual_cancer_burden": response.residual_cancer_burden,
        "rcb_class": response.rcb_class,
        "recist": recist.recist,
    },
    "radiotherapy": {
        "total_dose": radiotherapy.total_dose_of,
        "bed": radiotherapy.bed_of,
        "eqd2": radiotherapy.eqd2_of,
        "dose_per_fraction": radiotherapy.dose_per_fraction_of,
        "fractionation": radiotherapy.fractionation_of,
        "radiotherapy_technique": radiotherapy.technique_of,
    },
}
_LEVELS: Mapping[str, Callable[[Given], dict[str, str]]] = {
    "crossed_groups": patient.crossed_levels,
    "her2_expression": receptors.her2_expression_levels,
    "ki67_class": receptors.ki67_levels,
    "csco": subtypes.csco_levels,
}

SITES = "staging/"
"""How the names of rule sets begin that stage a site, those of the user's own sites as well."""

STAGING = tuple(f"{SITES}{site}" for site in sites())
"""The rule sets that stage a site: their rules are data alone."""

COMPUTED = (*_EXPRESSIONS, *STAGING)
"""The rule sets whose rules make a column of others."""


def derivations(name: str, tables: Tables) -> dict[str, dict[str, Derivation]]:
    """Return the rules that the tables of the rule set `name` describe, by rule and edition.

    A rule is computed as the one of its own name, or as that of its key `computed_as`. Raises `PlanError` with
    everything that is wrong with the tables.

    >>> derivations("patient", read_rules("patient"))["age"].keys()
    dict_keys(['Gregorian calendar'])
    """
    if name.startswith(SITES):
        return staging_rules(tables)
    texts, problems = _texts(tables)
    made: dict[str, dict[str, Derivation]] = {}
    for rule, editions in texts.items():
        made[rule] = {}
        for edition, text in editions.items():
            place = place_of(rule, edition, tables)
            computed_as = text.computed_as or rule
            expression = _EXPRESSIONS[name].get(computed_as)
            if expression is None:
                what = f"nothing in `{name}` is computed as `{computed_as}`"
                remedy = nearest_or_valid(computed_as, list(_EXPRESSIONS[name]))
                problems.append(Problem(place, what, f"name by `computed_as` what does it: {remedy}"))
                continue
            made[rule][edition] = Derivation(rule, text, expression, _LEVELS.get(computed_as))
            models = _shipped(name).get(computed_as, {}).values()
            problems += [Problem(place, misfit) for misfit in misfits(text, list(models))]
    if problems:
        raise PlanError(problems)
    return made


def _shipped(name: str) -> dict[str, dict[str, RuleText]]:
    return _texts(read_rules(name))[0]


def _texts(tables: Tables) -> tuple[dict[str, dict[str, RuleText]], list[Problem]]:
    """Return each rule's editions with shared arguments filled in: those of the same edition, or else of the last."""
    contents, problems = unfolded(tables)
    texts: dict[str, dict[str, RuleText]] = {}
    for rule, editions in contents.items():
        texts[rule] = {}
        for edition, content in editions.items():
            place = place_of(rule, edition, tables)
            text = checked(RuleText, place, content, problems)
            if text is None:
                continue
            unknown = [other for other in text.arguments_of if not texts.get(other)]
            problems += [Problem(f"{place}: arguments_of", f"there is no rule `{other}` above it") for other in unknown]
            if not unknown:
                others = {o: texts[o].get(edition, list(texts[o].values())[-1]) for o in text.arguments_of}
                texts[rule][edition] = with_shared_arguments(text, others)
    return texts, problems


DERIVATIONS: Mapping[str, Derivation] = {
    rule: list(editions.values())[-1]
    for name in COMPUTED
    for rule, editions in derivations(name, read_rules(name)).items()
}
