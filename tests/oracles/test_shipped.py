"""Every shipped oracle, with and without options, meets the contract that plug-ins must meet."""

import pytest

from designloop.discovery import find
from designloop.testing import OracleContract

SHIPPED = {
    "magnetometer": ("magnetometer", {}),
    "reproduction": ("magnetometer", {"reproduce": "quesada_molina_2022"}),
    "branin": ("branin", {}),
    "branin-noise": ("branin", {"noise": 0.1}),
    "hartmann6": ("hartmann6", {}),
    "ackley": ("ackley", {"dimension": 3}),
    "dirac_peak": ("dirac_peak", {"noise": 0.01}),
    "hardening_curve": ("hardening_curve", {}),
    "friedman": ("friedman", {}),
    "ishigami": ("ishigami", {}),
    "needle_peak": ("needle_peak", {}),
    "table-exact": ("table", {"file": "sweep.csv"}),
    "table-nearest": ("table", {"file": "sweep.csv", "match": "nearest"}),
}


class TestShipped(OracleContract):
    @pytest.fixture(params=SHIPPED.values(), ids=SHIPPED.keys())
    def oracle(self, request, tmp_path):
        (tmp_path / "sweep.csv").write_text(
            "length [um],kind,f [kHz]\n100,a,9\n200,a,4\n200,b,5\n200,b,5.5\n"
        )
        name, options = request.param
        return find(name, folder=tmp_path, options=options)
