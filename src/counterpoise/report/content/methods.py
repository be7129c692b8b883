"""The methods, written from the plan: every choice and every version named."""

from collections.abc import Iterable

from counterpoise.balance import Weighting
from counterpoise.estimate import CORRECTED, LEFT_OUT, STACKED
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.definitions import definitions_blocks
from counterpoise.report.content.group_weighting import whose
from counterpoise.report.content.matching_methods import matching_methods
from counterpoise.report.content.redefined import definition_methods
from counterpoise.report.content.tables import horizon
from counterpoise.report.content.time_zero import time_zero_methods
from counterpoise.report.document import Block, Bullets, Heading, Paragraph, Parts
from counterpoise.report.numbers import Numbers
from counterpoise.report.provenance import software
from counterpoise.study import Study

TIES = {
    "efron": "Efron's approximation for tied events",
    "breslow": "Breslow's approximation for tied events",
}
ESTIMANDS = {
    "ATE": "the average effect in all patients (ATE)",
    "ATT": "the average effect in the treated (ATT)",
    "ATC": "the average effect in the controls (ATC)",
    "ATO": "the average effect in the overlap population (ATO)",
    "ATM": "the average effect in patients who could be matched one to one (ATM, matching weights)",
    "ATEN": "the average effect in patients whose treatment was uncertain (ATEN, entropy weights)",
}
ORDER = "Eligibility rules were applied in the order of the table."


def methods_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Write the methods of a paper, one paragraph a topic."""
    yield Heading(1, "Methods", "methods")
    yield Heading(2, "Patients", "methods-patients")
    yield Paragraph(
        (f"{_sentence(study.plan.study.setting)}{ORDER if study.flow.steps else 'There were no eligibility rules.'}",)
    )
    yield from definitions_blocks(study)
    yield from definition_methods(study)
    yield Heading(2, "Statistics", "methods-statistics")
    topics = (
        _descriptions(study),
        _survival(study),
        _adjustment(study),
        time_zero_methods(study),
        _weighted_groups(study),
        _subgroups(study),
    )
    for paragraph in topics:
        if paragraph:
            yield Paragraph(numbers.parts(paragraph))
    yield Paragraph((f"Computed with {software()}.",))
    notes = _data_notes(study)
    if notes:
        yield Heading(2, "Decisions about the data", "methods-data")
        yield Bullets(notes)


def _sentence(words: str) -> str:
    return f"{words.rstrip('.')}. " if words else ""


def _descriptions(study: Study) -> str:
    return (
        "Categories were compared by Pearson's chi-squared test without continuity correction, or by Fisher's exact "
        "test where an expected count was below five; numbers by Welch's analysis of variance, which does not assume "
        "equal variances. Missing values were counted and left out of the tests. Shares of patients with events have "
        "Wilson intervals. Tests are two-sided; no correction was made for their number unless said otherwise."
    )


def _survival(study: Study) -> str:
    curves, cox = study.plan.curves, study.plan.cox
    return (
        f"Survival was estimated by Kaplan-Meier with {curves.interval} intervals at the "
        "{settings.confidence:level} level (Greenwood's variance), quoted at "
        f"{horizon(study, before_noun=False)}, and compared by the log-rank test, pairwise tests between several "
        "groups being adjusted by Holm's method. Medians have Brookmeyer-Crowley intervals; follow-up was measured "
        "by the reverse Kaplan-Meier method. Months are days divided by {settings.days_per_month:number4}. Cox "
        f"models used {TIES[cox.ties]}; the covariates are those of the plan, and none was selected by its P value. "
        "Proportional hazards were tested by the score test of Grambsch and Therneau with the Kaplan-Meier transform "
        "of time."
    )


def _adjustment(study: Study) -> str:
    adjustments = study.analyses.adjustments
    if adjustments is None:
        return ""
    names = ", ".join(phrase(item.label) for item in study.design.score.covariates)
    weighting = adjustments.weighting
    text = (
        f"The propensity score is a logistic regression of {phrase(study.design.treatment.label)} on {names}. Weights "
        f"estimate {ESTIMANDS[weighting.estimand]}{_kinds(weighting)}. The weighted hazard ratio is that of a Cox "
        "model with treatment alone (marginal). "
    )
    text += _variances(study)
    text += (
        "Weighted curves have influence-function intervals, and the test beneath them is the robust score test of "
        "the weighted Cox model. "
    )
    return (
        f"{text}{matching_methods(study)}Balance was judged by standardised differences, whose denominator is that of "
        "the unadjusted sample throughout."
    )


def _kinds(weighting: Weighting) -> str:
    text = ""
    if weighting.estimand == "ATE":
        text += f" and are {'stabilised' if weighting.stabilised else 'not stabilised'}"
    if weighting.truncation:
        text += (
            "; those beyond their quantiles at {settings.truncate_lower:percent} ({weights.lowest:number2}) and at "
            "{settings.truncate_upper:percent} ({weights.highest:number2}) were set to these, which changed "
            "{weights.n_truncated:count}"
        )
    return text


def _variances(study: Study) -> str:
    """Say which variance of the weighted hazard ratio leads, and which stand beside it."""
    weighted = [c for c in study.analyses.contrasts if c.adjustment == "weighted"]
    made = {name for c in weighted for name in (c.variance, *c.others)}
    text = ""
    if CORRECTED in made:
        text += (
            "Its variance is stacked (Shu, Young, Toh and Wang: the estimating equations of score, weights and Cox "
            "model solved as one system) with a correction for the sample's size: each patient's influence is "
            "multiplied with the change of the estimate when score, weights and model are refitted without the "
            "patient (the analogue of HC2 of MacKinnon and White). Beside it stand the stacked variance alone and "
        )
    elif STACKED in made:
        text += (
            "Its variance is stacked (Shu, Young, Toh and Wang), which solves the estimating equations of score, "
            "weights and Cox model as one system. Beside it stands "
        )
    else:
        text += "Its variance is "
    text += "the robust one of Lin and Wei with exact score residuals at tied times, which takes the weights as known. "
    if any(c.difference_variance == LEFT_OUT for c in weighted):
        text += "The variance of the difference of survival is the jackknife's, score and weights refitted. "
    if study.analyses.bootstrap:
        text += (
            "A bootstrap of {settings.bootstrap_replicates:count} replicates with exponential weights (fractional "
            "random weights, seed {settings.bootstrap_seed:number0}) refits the score, the weights and the Cox model "
            "in each. "
        )
    return text


def _weighted_groups(study: Study) -> str:
    groups = study.analyses.weighted_groups
    if groups is None or groups.weighting.model is None:
        return ""
    terms = study.design.group_score or study.design.score
    names = ", ".join(phrase(item.label) for item in terms.covariates)
    ridge = (
        ", with a ridge on the slopes of standardised covariates (penalty {groups_weighted.penalty:number} times the "
        "sum of squares over the groups), which the variances take as given"
        if groups.weighting.options.penalty
        else ""
    )
    text = (
        f"All groups were weighted to resemble {whose(groups)} by generalised propensity scores (Li and Li): a "
        f"multinomial logistic regression of the group on {names}{ridge}. A Cox model with an indicator of each group "
        "gives the hazard ratios of all pairs, with Holm's adjustment over the pairs, and weighted Kaplan-Meier curves "
        "the survival of each group; their variances solve the estimating equations of score, weights and effect as "
        "one system, those of the bands of the curves take the weights as known. All groups were compared by the "
        "robust score test. "
    )
    if any(comparison.factorial for comparison in groups.comparisons):
        text += (
            "The interaction of the two treatments is the ratio of the hazard ratio of one with the other to that "
            "without it, by Wald's test. "
        )
    return (
        f"{text}Balance of the groups was judged by the largest standardised difference of any two (McCaffrey et al.)."
    )


def _subgroups(study: Study) -> str:
    if study.analyses.subgroups is None:
        return ""
    return (
        "Subgroup effects were estimated in the weighted cohort with the weights of the whole cohort, and "
        "differences between subgroups tested by robust Wald tests of the products of treatment and level."
    )


def _data_notes(study: Study) -> tuple[Parts, ...]:
    notes = [*study.screened.notes, *study.flow.notes, *(n for e in study.endpoints for n in e.notes)]
    return tuple((str(note),) for note in dict.fromkeys(notes))
