import pytest
from pydantic import ValidationError

from counterpoise.balance import AlternativeOptions


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"name": "Bad name"}, "pattern"),
        ({"score": "ridge"}, "the score ridge needs a `penalty`"),
        ({"penalty": 1.0}, "`penalty` belongs to the score ridge"),
        ({"moments": 2}, "`moments` belongs to the score entropy balancing"),
        ({"score": "tilting", "estimand": "ATO"}, "`estimand` must be ATE, ATT, ATC with the score tilting; it is ATO"),
        ({"score": "covariate balancing", "estimand": "ATM"}, "with the score covariate balancing; it is ATM"),
        ({"score": "entropy balancing", "trim": "crump"}, "`trim` needs a score; entropy balancing has weights alone"),
        ({"score": "tilting", "method": "doubly robust"}, "`method` needs a score; tilting has weights alone"),
        ({"trim_at": 0.1}, "`trim_at` belongs to `trim` sturmer or symmetric"),
        ({"trim": "crump", "trim_at": 0.1}, "`trim_at` belongs to `trim` sturmer or symmetric"),
        ({"stabilised": True, "estimand": "ATT"}, "`stabilised` belongs to the estimand ATE; it is ATT"),
        ({"method": "doubly robust", "estimand": "ATO"}, "must be ATE, ATT or ATC where the method is doubly robust"),
        ({"method": "doubly robust", "truncate": (0.01, 0.99)}, "`truncate` is not used by the method doubly robust"),
        ({"censoring_model": "cox"}, "`censoring_model` belongs to the method doubly robust"),
        ({"outcome_model": "arms"}, "`outcome_model` belongs to the method doubly robust"),
        ({"truncate": (0.9, 0.1)}, "the first quantile must be below the second"),
    ],
)
def test_options_that_do_not_fit_are_refused_in_a_sentence(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=None) as caught:
        AlternativeOptions.model_validate({"name": "a", **given})
    assert sentence in str(caught.value)


def test_the_columns_named_are_listed_once() -> None:
    options = AlternativeOptions(name="a", splines={"age": 3}, interactions=(("age", "grade"), ("grade", "size")))
    assert options.columns == ("age", "grade", "size")
