"""What a report was made from and with: enough to make it again."""

import dataclasses
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from counterpoise.study import Study

LIBRARIES = ("numpy", "scipy", "polars", "narwhals", "pydantic", "matplotlib")


def versions() -> Mapping[str, str]:
    """Return the version of every part that a number depends on."""
    return {
        "counterpoise": version("counterpoise"),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def software() -> str:
    """Return the versions as a phrase for the methods."""
    names = {"counterpoise": "Counterpoise", "python": "Python"}
    return ", ".join(f"{names.get(name, name)} {number}" for name, number in versions().items())


def manifest(study: Study, files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what went in and the SHA-256 of it, the options in force, and the SHA-256 of what came out."""
    source = study.screened.source
    return {
        "data": {
            "file": source.name,
            "sha256": source.sha256,
            "format": source.format,
            "encoding": source.encoding,
            "rows": source.rows,
        },
        "rules": [dataclasses.asdict(own) for own in study.rules.files],
        "plan": study.plan.model_dump(mode="json", by_alias=True),
        "seed": study.plan.bootstrap.seed,
        "versions": dict(versions()),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())},
    }
