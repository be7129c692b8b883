import pytest

from counterpoise.errors import FitError
from counterpoise.kernels.verdict import Verdict, raise_unless_converged


def test_a_converged_fit_passes() -> None:
    raise_unless_converged(Verdict.CONVERGED, "Cox model of OS")


@pytest.mark.parametrize("verdict", [verdict for verdict in Verdict if verdict is not Verdict.CONVERGED])
def test_every_other_verdict_names_the_fit_the_cause_and_a_remedy(verdict: Verdict) -> None:
    with pytest.raises(FitError) as caught:
        raise_unless_converged(verdict, "Cox model of OS")
    text = str(caught.value)
    assert text.startswith(f"Cox model of OS: {verdict.value}: ")
    assert ";" in text
    assert text.endswith(".")


def test_every_verdict_has_its_advice() -> None:
    assert len({verdict.advice for verdict in Verdict}) == len(Verdict)
