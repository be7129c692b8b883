"""The study plan: every stage's own options, composed."""

from pydantic import Field

from counterpoise.balance import AlternativeOptions, GroupWeightOptions, MatchOptions, WeightOptions
from counterpoise.cohort import CriterionOptions, DefinitionOptions, DeriveOptions, EndpointOptions, FollowUpOptions
from counterpoise.cohort.time_zero import TimeZeroOptions
from counterpoise.design import DoseOptions, ResponseOptions, TableOneOptions, TreatmentOptions
from counterpoise.estimate import BootstrapOptions, CoxOptions, CurveOptions, SubgroupOptions
from counterpoise.oncology.answers import QualityOptions
from counterpoise.oncology.records import RecordOptions
from counterpoise.oncology.toxicity import ToxicityOptions
from counterpoise.read import Column
from counterpoise.read.codebook import Options, PartialDate


class StudyOptions(Options):
    """What the study is called, what it asks, and how far it looks."""

    title: str = Field(description="The title of the report.")
    question: str = Field(default="", description="The question, in one sentence.")
    setting: str = Field(default="", description="Who was treated, where and when.")
    banner: str = Field(
        default="", description="Printed on top of every page, for example that the data are synthetic."
    )
    horizon_months: float = Field(default=60, gt=0, description="The time at which survival is quoted.")


class DataOptions(Options):
    """The patient table and its codebook."""

    file: str = Field(description="CSV, Excel, SPSS, Stata or Parquet; relative to the plan's folder.")
    id: str = Field(description="The column that identifies a patient.")
    columns: dict[str, Column] = Field(
        default_factory=dict[str, Column],
        description="The codebook; a column left out has its kind inferred.",
    )
    partial_dates: PartialDate = Field(default="refuse", description="The day taken where a date has none.")
    partial_years: PartialDate = Field(default="refuse", description="The day taken where a date is only a year.")


class BalanceOptions(Options):
    """The propensity score, and how it is used."""

    covariates: tuple[str, ...] = Field(description="What decided the treatment and also bears on the outcome.")
    weights: WeightOptions = Field(default_factory=WeightOptions, description="Weighting by the score.")
    matching: MatchOptions = Field(default_factory=MatchOptions, description="Matching on the score.")
    alternatives: tuple[AlternativeOptions, ...] = Field(
        default=(), description="Further adjustments that stand beside the main one, each with its estimand."
    )
    groups: GroupWeightOptions | None = Field(
        default=None, description="Left out: the groups of the treatment are not weighted to one population."
    )


class PublishedOptions(Options):
    """Numbers published elsewhere, to be set beside those of this cohort."""

    file: str = Field(description="A TOML file of rows; relative to the plan's folder.")
    source: str = Field(description="Where they were published.")


class Plan(Options):
    """A whole study."""

    study: StudyOptions = Field(description="What the study is called and asks.")
    data: DataOptions = Field(description="The file of the patients and what its columns mean.")
    rules: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="Rule sets, each with a TOML file of tables in place of those shipped.",
    )
    eligibility: tuple[CriterionOptions, ...] = Field(default=(), description="Rules in the order of their use.")
    derive: dict[str, DeriveOptions] = Field(
        default_factory=dict[str, DeriveOptions],
        description="New variables, by expression or by named rule.",
    )
    treatment: TreatmentOptions = Field(description="The two arms, and a finer grouping of them.")
    follow_up: FollowUpOptions | None = Field(default=None, description="The dates that endpoints are made from.")
    records: RecordOptions | None = Field(default=None, description="Left out: the records are not checked.")
    quality: QualityOptions = Field(default=QualityOptions(), description="The queries about the records.")
    endpoints: dict[str, EndpointOptions] = Field(description="The endpoints by name; the first is quoted first.")
    table_one: TableOneOptions = Field(default=TableOneOptions(), description="The baseline table.")
    cox: CoxOptions = Field(default=CoxOptions(), description="The multivariable Cox models.")
    curves: CurveOptions = Field(default=CurveOptions(), description="The survival curves and every interval.")
    balance: BalanceOptions | None = Field(default=None, description="Left out: no adjusted comparison is made.")
    time_zero: TimeZeroOptions | None = Field(
        default=None, description="Left out: no remedy of immortal time is tried; a finding says where one is needed."
    )
    bootstrap: BootstrapOptions = Field(default=BootstrapOptions(), description="The bootstrap of the whole chain.")
    subgroups: SubgroupOptions | None = Field(default=None, description="Left out: no subgroups are shown.")
    toxicity: ToxicityOptions | None = Field(default=None, description="Left out: no toxicity is tabulated.")
    doses: DoseOptions | None = Field(default=None, description="Left out: no doses are summarised.")
    response: ResponseOptions | None = Field(
        default=None, description="Left out: nothing is said of a response that only some were examined for."
    )
    definitions: tuple[DefinitionOptions, ...] = Field(
        default=(), description="Other definitions of the endpoints, set beside those of the plan."
    )
    published: PublishedOptions | None = Field(default=None, description="Left out: nothing is set beside.")
