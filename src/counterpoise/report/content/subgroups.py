"""The forest of subgroups of the weighted cohort."""

from collections.abc import Iterable
from dataclasses import dataclass

from counterpoise.estimate import FIXED_WEIGHT_ROBUST, HazardRatio, SubgroupAnalysis
from counterpoise.report.content.tables import CONFIDENCE, KEYS, body, head, known, ratio_cells, text, with_interval
from counterpoise.report.document import Block, Figure, Heading, Row, Table
from counterpoise.report.figures import ForestFigure, ForestRow
from counterpoise.report.numbers import Numbers, slug
from counterpoise.study import Study

TOO_FEW = "too few events"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of forest and table: its counts and its ratio as templates; no ratio where it is not shown."""

    label: str
    counts: tuple[str, ...]
    ratio: str
    p_value: str
    effect: HazardRatio


def subgroups_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Draw the forest of subgroups of the weighted cohort, and print it as a table."""
    subgroups = study.analyses.subgroups
    if subgroups is None:
        return
    yield Heading(1, "Subgroups", "subgroups")
    caption = f"{subgroups.endpoint.label} in subgroups of the weighted cohort"
    drawing = _forest(study, numbers, subgroups)
    yield Figure("forest", caption, f"Forest plot of {subgroups.endpoint.short} by subgroup.", drawing)
    yield _table(study, numbers, subgroups, caption)
    yield _within_table(numbers, subgroups)


def _lines(numbers: Numbers, subgroups: SubgroupAnalysis) -> Iterable[tuple[str, str, tuple[_Line, ...]]]:
    """Yield each variable with the template of its interaction test and its levels."""
    for variable in subgroups.variables:
        place = f"subgroups.{variable.covariate.name}"
        levels = tuple(
            _line(numbers, effect.level, where, f"{where}.hazard_ratio", effect.ratio, shown=not effect.too_few)
            for effect, where in ((e, f"{place}.l{level}") for level, e in enumerate(variable.levels))
        )
        yield variable.covariate.label, f"{{{place}.interaction:p}}", levels


def _overall(numbers: Numbers, subgroups: SubgroupAnalysis) -> _Line:
    place = f"{subgroups.endpoint.name}.weighted"
    robust = f"{place}.hazard_ratio.{slug(FIXED_WEIGHT_ROBUST)}"
    # The variance is that of the subgroups, also where another one leads in all patients.
    ratio = robust if robust in numbers else f"{place}.hazard_ratio"
    return _line(numbers, "All patients", place, ratio, subgroups.overall, shown=True)


def _line(numbers: Numbers, label: str, place: str, ratio: str, effect: HazardRatio, *, shown: bool) -> _Line:
    counts = tuple(f"{{{place}.{key}.events:count}}/{{{place}.{key}.n:count}}" for key in reversed(KEYS))
    printed = with_interval(numbers, ratio, "ratio") if shown else ""
    return _Line(label, counts, printed, f"{{{ratio}:p_value}}" if shown else "", effect)


def _forest(study: Study, numbers: Numbers, subgroups: SubgroupAnalysis) -> ForestFigure:
    control, treated = study.design.treatment.labels
    rows: list[ForestRow] = []
    for label, interaction, levels in _lines(numbers, subgroups):
        rows.append(ForestRow(label, columns=("", "", "", numbers.text(interaction)), kind="group"))
        rows += [_forest_row(numbers, line) for line in levels]
    return ForestFigure(
        rows=(*rows, _forest_row(numbers, _overall(numbers, subgroups), whole=True)),
        column_titles=(
            "Subgroup",
            f"{treated}\nevents/n",
            f"{control}\nevents/n",
            numbers.text(f"HR ({CONFIDENCE})"),
            "P interaction",
        ),
        x_label="Hazard ratio",
        favours_left=f"{treated} better",
        favours_right=f"{control} better",
        overall=subgroups.overall.estimate,
        right_columns=2,
    )


def _forest_row(numbers: Numbers, line: _Line, *, whole: bool = False) -> ForestRow:
    columns = (*(numbers.text(count) for count in line.counts), numbers.text(line.ratio), "")
    if not line.ratio:
        return ForestRow(line.label, 1, columns, note=TOO_FEW)
    effect, indent, kind = line.effect, 0 if whole else 1, "total" if whole else "body"
    return ForestRow(
        line.label, indent, columns, effect.estimate, effect.lower, effect.upper, effect.std_error**-2, kind=kind
    )


def _table(study: Study, numbers: Numbers, subgroups: SubgroupAnalysis, caption: str) -> Table:
    control, treated = study.design.treatment.labels
    rows: list[Row] = []
    for label, interaction, levels in _lines(numbers, subgroups):
        rows.append(body(label, [*[text("")] * 4, numbers.cell(interaction)]))
        for line in levels:
            shown = (*line.counts, line.ratio or TOO_FEW, line.p_value)
            rows.append(body(line.label, [*(numbers.cell(part) for part in shown), text("")], indent=1))
    whole = _overall(numbers, subgroups)
    cells = [numbers.cell(part) for part in (*whole.counts, whole.ratio, whole.p_value)]
    rows.append(Row((text(whole.label), *cells, text("")), "total"))
    titles = head(
        "Subgroup",
        f"{treated}: events/n",
        f"{control}: events/n",
        numbers.cell(f"HR ({CONFIDENCE})"),
        "P",
        "P interaction",
    )
    note = (
        "Weights of the whole cohort, robust variance. P of interaction: robust Wald test of the products of "
        "treatment and level. No hazard ratio is shown below {settings.subgroup_events:count} events, or "
        "{settings.subgroup_events_per_arm:count} in an arm."
    )
    return Table("subgroups", caption, (titles,), tuple(rows), (numbers.parts(note.strip()),))


def _within_table(numbers: Numbers, subgroups: SubgroupAnalysis) -> Table:
    """Set what the weights of the whole cohort balance inside each subgroup beside what its own weights do."""
    rows: list[Row] = []
    reasons: dict[str, list[str]] = {}
    for variable in subgroups.variables:
        rows.append(body(variable.covariate.label, [text("")] * 5))
        for level, effect in enumerate(variable.levels):
            place = f"subgroups.{variable.covariate.name}.l{level}"
            keys = [f"{place}.largest.{key}" for key in ("crude", "whole", "refitted")]
            cells = [numbers.cell(f"{{{key}:number2}}") if known(numbers, key) else text("–") for key in keys]
            ratio = f"{place}.refitted.hazard_ratio"
            shown = not effect.within.reason and not effect.too_few and known(numbers, ratio)
            cells += ratio_cells(numbers, ratio) if shown else [text("–"), text("–")]
            rows.append(body(effect.level, cells, indent=1))
            if effect.within.reason:
                reasons.setdefault(effect.within.reason, []).append(f"{variable.covariate.label}: {effect.level}")
    titles = (
        head("", text("Largest |SMD|", 3), text("Score fitted in the subgroup", 2)),
        head("Subgroup", "Unweighted", "Weights of all", "Weights of its own", numbers.cell(f"HR ({CONFIDENCE})"), "P"),
    )
    note = (
        "A score of the whole cohort need not balance its parts. Standardised differences are over the standard "
        "deviations of the whole cohort. "
    )
    note += " ".join(f"No score of its own ({reason}): {'; '.join(names)}." for reason, names in reasons.items())
    return Table(
        "subgroup_balance", "Balance inside the subgroups", titles, tuple(rows), (numbers.parts(note.strip()),)
    )
