import pytest
from pydantic import ValidationError

from counterpoise.balance import GroupWeightOptions


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"covariates": ()}, "at least 1 item"),
        ({"estimand": "ATC"}, "Input should be 'ATE', 'ATT', 'ATO', 'ATM' or 'ATEN'"),
        ({"estimand": "ATT"}, "the estimand ATT needs a `focal` group"),
        ({"focal": "A"}, "`focal` belongs to ATT"),
        ({"penalty": -1.0}, "greater than or equal to 0"),
        ({"penalty": float("inf")}, "finite number"),
        ({"factorial": ("one",)}, "Field required"),
        ({"factorial": ("one", "one")}, "`factorial` names `one` twice"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        GroupWeightOptions.model_validate(given)
    assert sentence in str(caught.value)
