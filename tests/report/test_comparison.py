"""The table of a comparison names its quantity."""

from livetime.check.compare import Comparison
from livetime.check.truths import Truths
from livetime.report.comparison import comparison_table

ROW = {
    "cell": {"rate": 100.0},
    "method": "network",
    "bias": 0.1,
    "bias_error": 0.01,
    "scatter": 0.1,
    "half_width": 0.3,
    "coverage68": 0.7,
    "coverage95": 0.95,
}


def test_the_table_names_what_the_bias_is_of():
    table = comparison_table(
        Comparison([ROW], Truths([ROW["cell"]], ("rate",)), "alpha", "alpha", "run")
    )
    assert "bias of alpha |" in table
    assert "+0.100 (0.010)" in table
