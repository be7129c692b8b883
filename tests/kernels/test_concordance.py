"""Concordance against R's survival, by hand, against every pair compared, and its properties."""

import numpy as np

from counterpoise.kernels.concordance import Concordance, TimeWeight, concordance
from tests.golden import golden
from tests.golden.agreement import agrees
from tests.kernels.after_cox import cgd, heart, lung, rotterdam_all, veteran

FIVE = ("concordant", "discordant", "tied_predictor", "tied_time", "tied_both")


def agree_with_r(key: str, ours: Concordance) -> None:
    r = golden("cox_after", key)
    agrees("Concordance: value", "cox_after", key, ours.value, r["value"])
    agrees("Concordance: standard error", "cox_after", key, ours.std_error, r["std_error"])
    agrees("Concordance: counts of pairs", "cox_after", key, ours.by_stratum, r["counts"])
    assert ours.n == r["n"]


def influence_agrees(key: str, ours: Concordance) -> None:
    r = golden("cox_after", key)
    agrees("Concordance: influence", "cox_after", key, ours.influence[:30], r["influence"], relative_to="largest")
    agrees("Concordance: sum of squared influence", "cox_after", key, float((ours.influence**2).sum()), r["sumsq"])


def cases() -> dict[str, Concordance]:
    d, v, h, c, r = lung(), veteran(), heart(), cgd(), rotterdam_all()
    inst = ~np.isnan(d["inst"])
    age = {"time": d["time"], "event": d["died"], "predictor": d["age"]}
    months = {"time": v["months"], "event": v["status"], "predictor": v["karno"]}
    nodes = {"event": r["death"], "predictor": r["nodes"]}
    years = {"entry": h["start"], "time": h["stop"], "event": h["event"], "predictor": h["age"]}
    result = {
        "c_lung_age": concordance(**age),
        "c_lung_weights": concordance(**age, weights=d["w"]),
        "c_lung_entry": concordance(**age, entry=d["entry"]),
        "c_lung_entry_weights_strata": concordance(**age, entry=d["entry"], weights=d["w"], stratum=d["sex"]),
        "c_lung_cluster": concordance(**{k: a[inst] for k, a in age.items()}, cluster=d["inst"][inst]),
        "c_lung_better": concordance(**age, larger="better"),
        "c_veteran": concordance(v["time"], v["status"], v["karno"]),
        "c_veteran_months_strata": concordance(**months, stratum=v["cell"]),
        "c_veteran_months_weights_cluster": concordance(**months, weights=v["w"], cluster=v["group"]),
        "c_heart": concordance(**years),
        "c_heart_cluster": concordance(**years, cluster=h["id"]),
        "c_cgd": concordance(c["tstop"], c["status"], c["age"], entry=c["tstart"], cluster=c["id"]),
        "c_rotterdam": concordance(r["dmonths"], **nodes),
        "c_rotterdam_halfyears_all": concordance(
            r["halfyears"], **nodes, stratum=r["size"], weights=r["w"], cluster=r["year"]
        ),
        "c_rotterdam_entry": concordance(r["dmonths"], **nodes, entry=r["entry"]),
        "c_lung_uno_365": concordance(**age, time_weight="n/G2", until=365),
        "c_rotterdam_60": concordance(r["dmonths"], **nodes, until=60),
        "c_veteran_until_100": concordance(v["time"], v["status"], v["karno"], until=100),
    }
    weights: tuple[TimeWeight, ...] = ("S", "S/G", "n/G2", "I")
    for name in weights:
        result[f"c_lung_{name}"] = concordance(**age, time_weight=name)
        result[f"c_veteran_months_{name}"] = concordance(**months, time_weight=name)
        result[f"c_rotterdam_{name}"] = concordance(
            r["dmonths"], **nodes, stratum=r["size"], weights=r["w"], time_weight=name
        )
    return result


def test_in_r() -> None:
    for key, ours in cases().items():
        agree_with_r(key, ours)
    for key in ("c_lung_age", "c_lung_entry_weights_strata", "c_veteran_months_S", "c_heart", "c_rotterdam_S/G"):
        influence_agrees(key, cases()[key])
