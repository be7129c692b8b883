"""The codebook: what each column of the patient table means."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["id", "integer", "number", "flag", "category", "date", "text"]
DateOrder = Literal["iso", "dmy", "mdy", "excel"]
PartialDate = Literal["refuse", "first", "middle", "last"]


class Options(BaseModel):
    """What every options class of the plan shares: frozen, and unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


class Column(Options):
    """What the plan declares of one column; a column it does not declare has its kind inferred.

    A `flag` is a 0/1 column. `levels` maps each code of a category to its label, in the order in which
    tables show them (the first is the reference). `missing` lists codes that stand for 'not known'.
    `decimal_comma` says that numbers are written 1,5 in a file whose columns are not separated by semicolons.
    """

    kind: Kind
    label: str = ""
    unit: str = ""
    levels: dict[str, str] = Field(default_factory=dict[str, str])
    missing: tuple[str, ...] = ()
    date_order: DateOrder = "iso"
    minimum: float | None = None
    maximum: float | None = None
    decimal_comma: bool = False


class InferredColumn(Column):
    """A column whose kind, or whose levels, were taken from the data because the plan does not declare them.

    Its levels are the codes that occur, so a code that does not occur is no mistake in a rule.
    """
