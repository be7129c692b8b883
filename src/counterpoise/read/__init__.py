"""read: a file becomes a typed table with its codebook; the rules of a plan become expressions.

The names are loaded when they are first asked for: the codebook serves stages that need no table engine.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterpoise.read.codebook import Column, DateOrder, InferredColumn, Kind, Options
    from counterpoise.read.files import read_raw
    from counterpoise.read.guess import Roles, guess_id_column, guess_roles
    from counterpoise.read.partial_dates import PartialDates
    from counterpoise.read.raw import RawTable
    from counterpoise.read.rule_syntax import RuleError
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
    "PartialDates",
    "RawTable",
    "Roles",
    "Rule",
    "RuleError",
    "RuleKind",
    "Source",
    "Table",
    "check_rule",
    "guess_id_column",
    "guess_roles",
    "parse_rule",
    "read_raw",
    "read_table",
    "table_from_frame",
    "type_table",
]

_HOMES = {
    "codebook": ("Column", "DateOrder", "InferredColumn", "Kind", "Options"),
    "files": ("read_raw",),
    "guess": ("Roles", "guess_id_column", "guess_roles"),
    "partial_dates": ("PartialDates",),
    "raw": ("RawTable",),
    "rule_syntax": ("RuleError",),
    "rules": ("Rule", "RuleKind", "check_rule", "parse_rule"),
    "table": ("FILE_ROW", "Source", "Table"),
    "typed": ("read_table", "table_from_frame", "type_table"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from the module that defines it."""
    if name not in _HOME_OF:
        raise AttributeError(f"module `counterpoise.read` has no attribute `{name}`")
    return getattr(import_module(f"counterpoise.read.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return __all__
