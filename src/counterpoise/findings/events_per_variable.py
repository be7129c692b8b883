"""Whether there are enough events for the number of coefficients."""

from collections.abc import Iterable

from counterpoise.design import Design
from counterpoise.estimate import Analyses
from counterpoise.findings.finding import Finding

FEW, TOO_FEW = 10, 5


def events_per_variable(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Warn below 10 events per coefficient, which make a Cox model unstable, and below 5.

    Peduzzi, Concato, Feinstein and Holford 1995, J Clin Epidemiol 48:1503; Vittinghoff and McCulloch 2007,
    Am J Epidemiol 165:710 (five to nine are often enough for a confounder-adjusted effect).
    """
    models = [table.multivariable for table in analyses.hazards]
    scarce = [model for model in models if model.events < FEW * len(model.terms.labels)]
    if not scarce:
        return
    values: dict[str, float] = {}
    phrases: list[str] = []
    for model in scarce:
        name, columns = model.endpoint.name, len(model.terms.labels)
        values |= {
            f"{name}_events": model.events,
            f"{name}_terms": columns,
            f"{name}_ratio": model.events / columns,
        }
        events = "event" if model.events == 1 else "events"
        coefficients = "coefficient" if columns == 1 else "coefficients"
        phrases.append(
            f"{model.endpoint.short}: {{{name}_events:count}} {events} for {{{name}_terms:count}} {coefficients} "
            f"({{{name}_ratio:number1}} each)"
        )
    lowest = min(model.events / len(model.terms.labels) for model in scarce)
    yield Finding(
        name="events_per_variable",
        severity="serious" if lowest < TOO_FEW else "caution",
        title="Few events for the multivariable models",
        text="; ".join(phrases) + ".",
        advice="Read the multivariable hazard ratios as exploratory; prefer fewer, prespecified covariates or a "
        "penalised fit.",
        values=values,
        importance=FEW / max(lowest, 1 / FEW),
    )


def score_size(design: Design, analyses: Analyses) -> Iterable[Finding]:
    """Ask for about ten patients of the smaller arm per coefficient of the propensity score."""
    if analyses.adjustments is None:
        return
    score = analyses.adjustments.score
    smaller = int(min(score.treatment.sum(), (~score.treatment).sum()))
    columns = score.x.shape[1]
    if smaller >= FEW * columns:
        return
    yield Finding(
        name="score_size",
        severity="caution",
        title="The propensity score has many coefficients for the smaller arm",
        text=f"{{columns:count}} {'coefficient was' if columns == 1 else 'coefficients were'} estimated from arms of "
        "which the smaller has {smaller:count} patients ({ratio:number1} each).",
        advice="Merge levels, or drop covariates that do not bear on the outcome; {safe:count} would be safe."
        if smaller >= FEW
        else "Not even one coefficient is safe with an arm so small; show the patients one by one.",
        values={"columns": columns, "smaller": smaller, "ratio": smaller / columns, "safe": smaller // FEW},
    )
