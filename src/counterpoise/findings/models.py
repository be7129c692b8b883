"""Models that have no usable answer, patients that a model had to leave out, and how far follow-up reaches."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding, listed
from counterpoise.kernels.verdict import Verdict

COMPARED = {"matched": "in the matched pairs", "weighted": "weighted"}


def models_without_answer(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Name each Cox model that did not converge, with its cause; the unadjusted one is among the univariable."""
    models = [m for table in analyses.hazards for m in (*table.univariable, table.multivariable)]
    models += [m for pair in analyses.group_hazards for m in (pair.univariable, pair.multivariable)]
    failed = [
        f"{m.endpoint.short} on {listed([item.label for item in m.terms.covariates], 3)}: {m.verdict.advice}"
        for m in models
        if m.verdict is not Verdict.CONVERGED
    ]
    failed += [
        f"{c.endpoint.short} on {design.treatment.label}, {COMPARED[c.adjustment]}: {c.verdict.advice}"
        for c in analyses.contrasts
        if c.adjustment in COMPARED and c.verdict is not Verdict.CONVERGED
    ]
    if failed:
        phrases = list(dict.fromkeys(failed))
        yield Finding(
            name="models_without_answer",
            severity="serious",
            title="Cox models without a finite answer",
            text="No hazard ratio is printed for: " + " ".join(phrases),
            advice="Merge levels, or use a penalised model.",
            importance=len(phrases),
        )


def no_pairs(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say that nobody could be matched, and why."""
    if analyses.adjustments is None or analyses.adjustments.matching.n_sets:
        return
    matching = analyses.adjustments.matching
    smallest = matching.smallest_caliper
    yield Finding(
        name="no_pairs",
        severity="serious",
        title="No patients could be matched",
        text="What the plan asks of matching cannot be had, so there is no matched comparison: "
        + (
            matching.reason
            or "no two patients of the arms have propensity scores within {caliper:number3} of each other on the "
            f"{matching.caliper_scale} scale. The smallest caliper that leaves a pair is {{smallest:number4}}, "
            "{deviations:number4} standard deviations."
        ),
        advice="Change the request, or look at the overlap of the arms: they may not be comparable at all.",
        values={}
        if matching.reason
        else {"caliper": matching.caliper, "smallest": smallest, "deviations": smallest / matching.caliper_sd},
    )


def patients_left_out(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Say how many patients an adjusted analysis lost to missing covariates."""
    lost = analyses.adjustments.left_out if analyses.adjustments else 0
    most = max((table.multivariable.missing for table in analyses.hazards), default=0)
    if lost or most:
        yield Finding(
            name="patients_left_out",
            severity="caution" if max(lost, most) < design.size / 20 else "serious",
            title="Patients with missing covariates were left out",
            text="{score:count} of {size:count} patients lack a covariate of the score and {cox:count} lack one of the "
            "multivariable models; they were left out there (complete cases).",
            advice="Impute the missing values, and compare.",
            values={"score": lost, "cox": most, "size": design.size},
            importance=max(lost, most),
        )


def follow_up_reach(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Warn where the plain median of the observed times is shorter than the time at which rates are quoted."""
    observed, horizon = analyses.follow_up.observed_median, float(analyses.overall[0].rate.time[0])
    if observed < horizon:
        yield Finding(
            name="follow_up_reach",
            severity="note",
            title="Half of the patients were observed for less than the time at which survival is quoted",
            text="The median of the observed times is {observed:number1} months and rates are quoted at "
            "{horizon:number0}; by the reverse Kaplan-Meier method the median follow-up is {reverse:number1} months.",
            advice="Say which median follow-up is meant, and print the numbers at risk.",
            values={"observed": observed, "horizon": horizon, "reverse": analyses.follow_up.reverse.value},
        )
