from dataclasses import replace

from counterpoise.findings.multiplicity import multiplicity
from tests.findings.cases import (
    Case,
    apply,
    only,
    p_values,
    with_contrasts,
)

NAN = float("nan")


def test_multiplicity_counts_every_test_of_the_treatment(case: Case) -> None:
    design, analyses = case
    second = tuple(replace(c, endpoint=replace(c.endpoint, name="dfs", short="DFS")) for c in analyses.contrasts)
    both = replace(analyses, contrasts=(*analyses.contrasts, *second))
    two = (replace(design, endpoints=design.endpoints * 2), both)
    lost = only(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=0.03)))
    assert (lost.severity, lost.title) == ("caution", "No result outlasts the number of endpoints")
    assert lost.values["tests"] == 6 + 5  # two endpoints in three comparisons; two levels and three
    assert (lost.values["smallest"], lost.values["adjusted"]) == (0.03, 0.06)
    kept = only(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=0.01)))
    assert (kept.severity, kept.values["adjusted"]) == ("note", 0.02)
    assert apply(multiplicity, with_contrasts(two, lambda c: p_values(c, wald=NAN))) == []
    assert apply(multiplicity, case) == []
