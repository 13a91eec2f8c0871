"""A network that runs away, or falls silent, is named wherever a score is read."""

from onspike import report
from onspike.experiment.compare import compare
from onspike.experiment.store import RunFolder
from tinyrun import spoken


def test_a_signal_that_never_falls_drives_rates_up_or_down(tmp_path):
    """DRTP in a recurrent network without a regulariser: well at a small rate only."""
    quick = {"rule.eligibility": "pre-trace", "rule.gate": "target-window"}
    settings = spoken(tmp_path) | quick | {"rule.rate_out": 1e-3, "rule.rate_cost": 0}
    found = {}
    for rate in (1e-3, 3.0):
        found[rate] = compare(
            "spoken-digits",
            rules=["drtp"],
            devices=["ideal"],
            seeds=(2, 6),
            out=tmp_path / str(rate),
            settings=settings | {"rule.rate": rate},
        )
    (small,), (large,) = (each["cells"] for each in found.values())
    assert small["conditions"] == ["healthy"] * 2
    assert large["conditions"] == ["silent", "one answer"] and "mean" not in large
    for seed, condition in zip((2, 6), large["conditions"], strict=True):
        result = RunFolder(tmp_path / f"3.0/drtp-ideal/seed-{seed}").result()
        assert result["condition"] == condition
        mean = result["rates"]["hidden"]["mean"]
        if condition == "silent":
            assert mean < 0.1
        else:  # of saturated neurons
            assert mean > 250
            assert any("saturates" in text for text in result["warnings"])
    table = report.compare_table(found[3.0])
    assert "1 of 2 silent" in table and "1 of 2 one answer" in table
    assert "1 of 2" not in report.compare_table(found[1e-3])
