"""How patients were matched, in the sentences of a methods section."""

from collections.abc import Mapping
from typing import Final

from counterpoise.balance import Matching, MatchOptions
from counterpoise.estimate import STRATIFIED, Contrast
from counterpoise.oncology.definition import phrase
from counterpoise.report.content.matching import set_words
from counterpoise.study import Study

SD_NAMES: Final[Mapping[str, str]] = {"pooled": "pooled within arms", "overall": "over all patients"}
MATCH_ORDER: Final[Mapping[str, str]] = {
    "descending": "from the highest score down",
    "ascending": "from the lowest score up",
    "closest": "closest pairs first",
}
DISTANCES: Final[Mapping[str, str]] = {
    "logit": "the logit of the score",
    "probability": "the score itself",
    "mahalanobis": "the Mahalanobis distance of the covariates",
    "robust mahalanobis": "Rosenbaum's rank-based Mahalanobis distance of the covariates",
    "scaled euclidean": "the Euclidean distance of the covariates in their standard deviations",
    "euclidean": "the Euclidean distance of the covariates",
}
WHOSE: Final[Mapping[str, str]] = {
    "ATT": "the treated patients (ATT)",
    "ATC": "the controls (ATC)",
    "ATE": "all patients (ATE)",
    "matched treated": "the treated patients who could be matched",
    "matched controls": "the controls who could be matched",
    "matched patients": "the patients who could be matched",
}


def matching_methods(study: Study) -> str:
    """Return the template of the sentences on matching: the method, its limits, its ties, its effect."""
    adjustments, balance = study.analyses.adjustments, study.plan.balance
    assert adjustments is not None
    assert balance is not None
    matching, options = adjustments.matching, balance.matching
    parts = (_method(study, matching, options), _limits(study, matching, options), _ties(matching))
    return "".join(part for part in parts if part) + ". " + _stability(study) + _comparison(study, matching)


def _method(study: Study, matching: Matching, options: MatchOptions) -> str:
    on = f"on {DISTANCES[matching.distance_name]}"
    if matching.method == "nearest":
        return _nearest(matching, options, on)
    if matching.method == "optimal":
        ratio = f"{_ratio(options)}, {on}"
        return f"Matching was optimal, {ratio}: it minimises the total distance (Rosenbaum){_sizes(options)}"
    if matching.method == "full":
        return (
            f"Matching was full, {on}: all are placed in sets of one treated patient and one or more controls or of "
            f"one control and several treated patients, with the least total distance (Hansen){_sizes(options)}"
        )
    if matching.method == "subclass":
        among = {"ATT": "treated patients", "ATC": "controls", "ATE": "patients"}[matching.estimand]
        return (
            "Patients were placed in {settings.match_subclasses:count} subclasses between quantiles of the score of "
            f"the {among} (Rosenbaum and Rubin)"
        )
    if matching.method == "coarsened":
        return (
            "Matching was coarsened exact: patients who agree in all covariates, numbers being cut into classes, form "
            "a stratum (Iacus, King and Porro)"
        )
    if matching.method == "exact":
        agreed = _named(study, options.exact) if options.exact else "all of the covariates"
        return f"Matching was exact: patients who agree in {agreed} form a stratum"
    ratio = "one control" if options.ratio == 1 else "{settings.match_ratio:count} controls"
    return (
        f"Cardinality matching took the largest sample with {ratio} to each treated patient in which no absolute "
        "standardised difference exceeds {settings.match_tolerance:number3} (Zubizarreta)"
    )


def _nearest(matching: Matching, options: MatchOptions, on: str) -> str:
    ratio = _ratio(options)
    if options.max_ratio is not None:
        ratio += " on average, with up to {settings.match_max_ratio:count} each (Ming and Rosenbaum)"
    again = "with" if matching.replacement else "without"
    return f"Matching was {ratio}, nearest neighbour {again} replacement {on}, {MATCH_ORDER[matching.order]}"


def _ratio(options: MatchOptions) -> str:
    if options.ratio == 1 and options.max_ratio is None:
        return "one to one"
    controls = "control" if options.ratio == 1 else "controls"
    return f"of one treated patient to {{settings.match_ratio:count}} {controls}"


def _sizes(options: MatchOptions) -> str:
    bounds: list[str] = []
    for name, words in (("min_controls", "at least"), ("max_controls", "at most")):
        value = getattr(options, name)
        if value is not None:
            bounds.append(f"{words} {{settings.match_{name}:{_style(value)}}}")
    return f", with {' and '.join(bounds)} controls to each treated patient" if bounds else ""


def _style(value: float) -> str:
    """Return the style that prints a number of the plan without needless zeros."""
    digits = next((digits for digits in range(4) if round(value, digits) == value), 2)
    return f"number{digits}"


def _limits(study: Study, matching: Matching, options: MatchOptions) -> str:
    text = ""
    if options.score_caliper is not None:
        text += (
            f", within {{settings.caliper:number2}} standard deviations of the {matching.caliper_scale} "
            f"({SD_NAMES[matching.caliper_sd_name]}: {{matching.caliper_sd:number3}}; caliper "
            "{matching.caliper:number3})"
        )
    for name, width in options.covariate_calipers.items():
        text += f", within {{settings.covariate_caliper.{name}:{_style(width)}}} of each other in {_label(study, name)}"
    if options.exact and matching.method != "exact":
        text += f", within strata of equal {_named(study, options.exact)}"
    if options.anti_exact:
        text += f", between patients who differ in {_named(study, options.anti_exact)}"
    if options.discard != "none":
        who = {"treated": "treated patients", "control": "controls", "both": "patients"}[options.discard]
        text += f"; {who} beyond all scores of the other arm were discarded beforehand and the score fitted again"
    return text


def _named(study: Study, names: tuple[str, ...]) -> str:
    return ", ".join(_label(study, name) for name in names)


def _label(study: Study, name: str) -> str:
    labels = {item.name: item.label for item in (*study.design.score.covariates, *study.design.baseline)}
    return phrase(labels.get(name, name))


def _ties(matching: Matching) -> str:
    if matching.method in ("coarsened", "exact"):
        return ""
    equal = {"subclass": "equal scores", "cardinality": "patients alike in all covariates"}.get(matching.method)
    if equal:
        return f"; {equal} were separated by a hash of the identifier, so that the order of the rows plays no part"
    return (
        f"; equal {'scores' if matching.distance_name in ('logit', 'probability') else 'distances'} were separated by "
        "the distance of the covariates, then by a hash of the identifier, so that the order of the rows plays no part"
    )


def _stability(study: Study) -> str:
    if study.analyses.stability is None:
        return ""
    return "It was made {stability.runs:count} times, each time with another seed of that hash. "


def _comparison(study: Study, matching: Matching) -> str:
    """Say how the matched were compared, and whose effect that is."""
    contrast = next((c for c in study.analyses.contrasts if c.adjustment == "matched"), None)
    if contrast is None:
        return "Nobody could be matched so. "
    weights = " that counts each by the matching weight" if matching.is_weighted else ""
    variance = _variance(contrast, matching)
    text = f"Matched patients were compared by a Cox model{weights} with {variance}; the effect is that in "
    text += f"{WHOSE.get(contrast.estimand, contrast.estimand)}. "
    if STRATIFIED in contrast.others:
        text += f"A Cox model stratified by the {set_words(matching)} serves as sensitivity analysis. "
    return text


def _variance(contrast: Contrast, matching: Matching) -> str:
    if matching.replacement:
        return "the variance of Austin and Cafri, clustered by set and by patient"
    if matching.is_paired:
        return "a variance clustered by pair"
    return "a variance clustered by set" if matching.has_links else f"a {contrast.variance.partition(',')[0]} variance"
