"""read: a file becomes a typed table with its codebook; the rules of a plan become expressions."""

from counterpoise.read.codebook import Column, DateOrder, InferredColumn, Kind, Options
from counterpoise.read.files import read_raw
from counterpoise.read.raw import RawTable
from counterpoise.read.rules import Rule, RuleKind, check_rule, parse_rule
from counterpoise.read.table import FILE_ROW, Source, Table
from counterpoise.read.typed import read_table, table_from_frame, type_table

__all__ = [
    "FILE_ROW",
    "Column",
    "DateOrder",
    "InferredColumn",
    "Kind",
    "Options",
    "RawTable",
    "Rule",
    "RuleKind",
    "Source",
    "Table",
    "check_rule",
    "parse_rule",
    "read_raw",
    "read_table",
    "table_from_frame",
    "type_table",
]
