"""The rules by which the plan may derive a column, by name."""

from collections.abc import Callable, Mapping

import polars as pl

from counterpoise.oncology import patient, radiotherapy, receptors, response
from counterpoise.oncology.definition import Derivation, Given, rule_texts

_EXPRESSIONS: Mapping[str, Mapping[str, Callable[[Given], pl.Expr]]] = {
    "patient": {"age": patient.age, "crossed_groups": patient.crossed_groups},
    "receptors": {
        "hormone_receptor_status": receptors.hormone_receptor_status,
        "her2_status": receptors.her2_status,
        "clinical_subtype": receptors.clinical_subtype,
        "st_gallen_2013": receptors.st_gallen_2013,
    },
    "response": {"pathological_complete_response": response.pathological_complete_response},
    "radiotherapy": {
        "total_dose": radiotherapy.total_dose_of,
        "bed": radiotherapy.bed_of,
        "eqd2": radiotherapy.eqd2_of,
    },
}
_LEVELS: Mapping[str, Callable[[Given], dict[str, str]]] = {"crossed_groups": patient.crossed_levels}

DERIVATIONS: Mapping[str, Derivation] = {
    name: Derivation(name, rule_texts(file)[name], expression, _LEVELS.get(name))
    for file, expressions in _EXPRESSIONS.items()
    for name, expression in expressions.items()
}
