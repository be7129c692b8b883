"""What the plan says of the comparison: who is compared with whom, and on what."""

from pydantic import Field

from counterpoise.read.codebook import Options


class TreatmentOptions(Options):
    """The treatment compared, a 0/1 column, and optionally a finer grouping of the patients."""

    column: str = Field(description="A 0/1 column: 1 is treated, 0 is the control.")
    label: str = Field(default="", description="What the treatment is called in tables; the column's label by default.")
    treated: str = Field(default="Treated", description="What the treated arm is called.")
    control: str = Field(default="Control", description="What the control arm is called.")
    groups: str | None = Field(
        default=None, description="A category column: the groups of Table 1 and of the second set of curves."
    )


class ResponseOptions(Options):
    """A response to earlier treatment that could be measured only where a part of the disease was examined."""

    column: str = Field(description="The response, a 0/1 column such as pathological complete response.")
    examined_by: str = Field(description="A 0/1 column: where it is 0, part of the disease was not examined.")


class TableOneOptions(Options):
    """Which columns the baseline table lists, in which order."""

    rows: tuple[str, ...] = Field(default=(), description="Columns or derived names.")


class DoseOptions(Options):
    """Numeric columns summarised by median and range, such as radiation doses."""

    columns: tuple[str, ...] = Field(default=(), description="Columns or derived names.")
