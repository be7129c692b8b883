"""read: a file becomes a typed table with its codebook; the rules of a plan become expressions."""

from counterpoise.read.codebook import Column, DateOrder, InferredColumn, Kind, Options
from counterpoise.read.rules import Rule, RuleKind, check_rule, parse_rule
from counterpoise.read.table import FILE_ROW, Source, Table

__all__ = [
    "FILE_ROW",
    "Column",
    "DateOrder",
    "InferredColumn",
    "Kind",
    "Options",
    "Rule",
    "RuleKind",
    "Source",
    "Table",
    "check_rule",
    "parse_rule",
]
