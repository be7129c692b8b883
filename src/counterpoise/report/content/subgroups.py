"""The forest of subgroups of the weighted cohort."""

from collections.abc import Iterable, Sequence

from counterpoise.estimate import (
    HazardRatio,
)
from counterpoise.report.content.tables import (
    CONFIDENCE,
    KEYS,
    body,
    head,
    text,
)
from counterpoise.report.document import Block, Figure, Heading, Row, Table
from counterpoise.report.figures import (
    ForestFigure,
    ForestRow,
)
from counterpoise.report.numbers import Numbers
from counterpoise.study import Study


def subgroups_section(study: Study, numbers: Numbers) -> Iterable[Block]:
    """Draw the forest of subgroups of the weighted cohort."""
    subgroups = study.analyses.subgroups
    if subgroups is None:
        return
    yield Heading(1, "Subgroups", "subgroups")
    name, (control, treated) = subgroups.endpoint.name, study.design.treatment.labels
    rows: list[ForestRow] = []
    table: list[Row] = []
    for variable in subgroups.variables:
        place = f"subgroups.{variable.covariate.name}"
        interaction = f"{{{place}.interaction:p}}"
        rows.append(ForestRow(variable.covariate.label, columns=("", "", "", numbers.text(interaction)), kind="group"))
        table.append(body(variable.covariate.label, [text("")] * 4 + [numbers.cell(interaction)]))
        for level, effect in enumerate(variable.levels):
            where = f"{place}.l{level}"
            counts = tuple(f"{{{where}.{key}.events:count}}/{{{where}.{key}.n:count}}" for key in reversed(KEYS))
            ratio = f"{{{where}.hazard_ratio:ratio}} ({{{where}.hazard_ratio:ratio_interval}})"
            shown = (ratio, f"{{{where}.hazard_ratio:p_value}}") if not effect.too_few else ("too few events", "")
            rows.append(_forest_row(numbers, effect.level, counts, "" if effect.too_few else ratio, effect.ratio))
            table.append(body(effect.level, [numbers.cell(c) for c in (*counts, *shown)] + [text("")], indent=1))
    place = f"{name}.weighted"
    counts = tuple(f"{{{place}.{key}.events:count}}/{{{place}.{key}.n:count}}" for key in reversed(KEYS))
    ratio = f"{{{place}.hazard_ratio:ratio}} ({{{place}.hazard_ratio:ratio_interval}})"
    overall = _forest_row(numbers, "All patients", counts, ratio, subgroups.overall, whole=True)
    table.append(
        Row(
            (
                text("All patients"),
                *(numbers.cell(c) for c in (*counts, ratio, f"{{{place}.hazard_ratio:p_value}}")),
                text(""),
            ),
            "total",
        )
    )
    drawing = ForestFigure(
        rows=(*rows, overall),
        column_titles=(
            "Subgroup", f"{treated}\nevents/n", f"{control}\nevents/n", numbers.text(f"HR ({CONFIDENCE})"),
            "P interaction",
        ),
        x_label="Hazard ratio",
        favours_left=f"{treated} better",
        favours_right=f"{control} better",
        overall=subgroups.overall.estimate,
        right_columns=2,
    )  # fmt: skip
    caption = f"{subgroups.endpoint.label} in subgroups of the weighted cohort"
    yield Figure("forest", caption, f"Forest plot of {subgroups.endpoint.short} by subgroup.", drawing)
    note = (
        "Weights of the whole cohort, robust variance. P of interaction: robust Wald test of the products of "
        "treatment and level. No hazard ratio is shown below {settings.subgroup_events:count} events, or "
        "{settings.subgroup_events_per_arm:count} in an arm."
    )
    titles = head(
        "Subgroup",
        f"{treated}: events/n",
        f"{control}: events/n",
        numbers.cell(f"HR ({CONFIDENCE})"),
        "P",
        "P interaction",
    )
    yield Table("subgroups", caption, (titles,), tuple(table), (numbers.parts(note),))


def _forest_row(
    numbers: Numbers, label: str, counts: Sequence[str], ratio: str, effect: HazardRatio, *, whole: bool = False
) -> ForestRow:
    """Draw an effect, or only its counts where `ratio` is empty."""
    columns = (*(numbers.text(count) for count in counts), numbers.text(ratio), "")
    if not ratio:
        return ForestRow(label, 1, columns, note="too few events")
    return ForestRow(
        label,
        0 if whole else 1,
        columns,
        effect.estimate,
        effect.lower,
        effect.upper,
        effect.std_error**-2,
        kind="total" if whole else "body",
    )
