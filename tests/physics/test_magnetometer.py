import numpy as np
import pytest

from designloop.discovery import find
from designloop.errors import OracleError
from designloop.oracle import Context, Infeasible, Result, evaluate_many
from designloop_oracles import _beam as beam
from designloop_oracles.magnetometer import DAMPING, MARGINS, Magnetometer, published_amplitude

DESIGN = {"beam_length": 720.0, "beam_width": 4.5, "gap": 2.0, "current": 1.0}


class _OneByOne:
    def __init__(self, oracle):
        self.declaration, self.evaluate = oracle.declaration, oracle.evaluate


def ask(**changes):
    answer = Magnetometer().evaluate({**DESIGN, **changes}, Context())
    return {name: one.value for name, one in answer.metrics.items()}


def refused(**changes):
    with pytest.raises(Infeasible) as caught:
        ask(**changes)
    return caught.value


@pytest.mark.parametrize(("pressure", "rise"), [(1e-6, 33.3), (1013.0, 4.1)], ids=["vacuum", "air"])
def test_published_heating_of_a_slender_beam(pressure, rise):
    found = ask(beam_length=400, beam_width=2, thickness=5, gap=2, current=1, pressure=pressure, field=0)
    assert found["temperature_rise"] == pytest.approx(rise, rel=0.02)


def test_heating_falls_with_pressure():
    slender = {"beam_length": 400, "beam_width": 2, "thickness": 5, "field": 0}
    rises = [ask(**slender, pressure=p)["temperature_rise"] for p in (1e-6, 0.1, 1, 10, 100, 1000)]
    assert (np.diff(rises) < 0).all()


def test_drive_power_is_the_mean_of_an_alternating_current():
    resistance = 1e-5 * 720e-6 / (4.5e-6 * 20e-6)
    assert ask()["drive_power"] == pytest.approx(0.5 * (1e-3) ** 2 * resistance * 1e3)


def test_voltage_drive_equals_the_current_it_causes():
    millivolts = 1e-3 * 1e-5 * 720e-6 / (4.5e-6 * 20e-6) * 1e3
    by_voltage = ask(drive_source="voltage", voltage=millivolts)
    assert by_voltage == pytest.approx(ask(drive_source="current"))


def test_voltage_drive_loses_current_with_the_width():
    assert (
        ask(drive_source="voltage", over_etch=0.2)["drive_power"] < ask(drive_source="voltage")["drive_power"]
    )


def test_units_of_outputs_agree_with_each_other():
    found = ask()
    assert found["sensitivity"] * 0.05 == pytest.approx(found["amplitude"], rel=1e-9)
    assert found["bandwidth"] == pytest.approx(
        found["resonance_frequency"] * 1e3 / 2 / found["quality_factor"]
    )
    gap, face, length = 2e-6, 20e-6, 720e-6
    charge = 2 * 8.854e-12 * face * length * beam.MEAN / gap**2 * found["amplitude"] * 1e-9
    assert found["capacitance_change"] == pytest.approx(charge * 1e15, rel=1e-3)
    mass = beam.mass(4.5e-6 * 20e-6, length)
    omega = 2 * np.pi * found["resonance_frequency"] * 1e3
    assert mass * omega**2 == pytest.approx(found["stiffness"], rel=1e-9)


def test_noise_equivalent_field_is_thermal_force_over_force_per_field():
    found = ask()
    omega = 2 * np.pi * found["resonance_frequency"] * 1e3
    friction = omega * beam.mass(4.5e-6 * 20e-6, 720e-6) / found["quality_factor"]
    force = np.sqrt(4 * 1.380649e-23 * 298.15 * friction)
    expected = force / (0.523164 * 1e-3 * 720e-6) * 1e9
    assert found["noise_equivalent_field"] == pytest.approx(expected, rel=1e-5)


def test_losses_add_up():
    parts = [1 / ask(damping=one)["quality_factor"] for one in ("gas", "thermoelastic", "anchor")]
    assert 1 / ask()["quality_factor"] == pytest.approx(sum(parts), rel=1e-12)
    assert len(DAMPING) == 7


def test_gas_quality_is_inverse_to_a_low_pressure():
    low, lower = (ask(damping="gas", pressure=p)["quality_factor"] for p in (1e-2, 1e-3))
    assert lower / low == pytest.approx(10, rel=1e-2)


def test_in_vacuum_the_solid_losses_remain():
    vacuum = ask(pressure=1e-6)["quality_factor"]
    solid = ask(pressure=1e-6, damping="thermoelastic + anchor")["quality_factor"]
    assert vacuum == pytest.approx(solid, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "values", "output", "sign"),
    [
        ("residual_stress", (-3, 0, 3, 50), "resonance_frequency", 1),
        ("over_etch", (-0.1, 0, 0.1, 0.3), "resonance_frequency", -1),
        ("youngs_modulus", (130, 148, 169), "resonance_frequency", 1),
        ("bias", (0, 5, 10), "resonance_frequency", -1),
        ("current", (0.1, 1, 2), "resonance_frequency", -1),
        ("current", (0.1, 1, 2), "noise_equivalent_field", -1),
        ("gap", (1.5, 2, 4), "noise_equivalent_field", -1),
        ("pressure", (0.1, 1, 10, 1000), "noise_equivalent_field", 1),
        ("temperature", (-40, 25, 125), "noise_equivalent_field", 1),
        ("field", (0, 10, 100), "amplitude", 1),
        ("residual_stress", (-3, 0, 3), "buckling_margin", 1),
        ("bias", (0, 10, 20), "pull_in_margin", -1),
        ("over_etch", (-0.1, 0, 0.5), "etch_margin", -1),
        ("field", (0, 1e3, 1e4), "bistability_margin", -1),
        ("field", (0, 1e3, 1e4), "contact_margin", -1),
    ],
)
def test_outputs_follow_inputs_the_right_way(name, values, output, sign):
    found = [ask(**{name: value})[output] for value in values]
    assert (sign * np.diff(found) > 0).all()


def test_buckling_begins_at_the_exact_load():
    critical = np.pi**2 / 3 * 148.2173e3 * (2.0 / 400) ** 2
    cold = {"beam_length": 400, "beam_width": 2, "current": 0.001, "bias": 0}
    assert critical == pytest.approx(12.19, abs=0.01)
    assert ask(**cold, residual_stress=-0.999 * critical)["buckling_margin"] == pytest.approx(1e-3, rel=0.05)
    answer = refused(**cold, residual_stress=-1.001 * critical)
    assert "buckled" in answer.reason
    assert answer.metrics["buckling_margin"].value < 0


def test_heat_alone_can_buckle_a_slender_beam():
    slender = {"beam_length": 800, "beam_width": 2, "pressure": 1e-3}
    assert ask(**slender, current=0.1)["buckling_margin"] > 0
    assert "buckled" in refused(**slender, current=4).reason


def test_pull_in_begins_where_softening_equals_the_bending_stiffness():
    found = ask(bias=0, current=0.001)
    softening = 2 * 8.8541878128e-12 * 20e-6 * 720e-6 * beam.MEAN_SQUARE / (2e-6) ** 3
    volts = float(np.sqrt(found["stiffness"] / softening))
    assert ask(bias=0.995 * volts, current=0.001)["pull_in_margin"] == pytest.approx(0.01, abs=1e-3)
    answer = refused(bias=1.005 * volts, current=0.001)
    assert "pulled in" in answer.reason
    assert answer.metrics["pull_in_margin"].value < 0


def test_a_beam_narrower_than_its_etch_is_gone():
    answer = refused(beam_width=1, over_etch=0.5)
    assert "etched away" in answer.reason
    assert answer.metrics["etch_margin"].value == pytest.approx(-0.1)


def test_a_beam_that_reaches_its_electrodes_is_refused():
    answer = refused(field=1e6, pressure=1e-3, current=3)
    assert "touches" in answer.reason
    assert answer.metrics["contact_margin"].value < 0


def test_infeasible_designs_carry_every_margin_finite():
    generator = np.random.default_rng(3)
    oracle = Magnetometer()
    inputs = [i for i in oracle.declaration.inputs if not i.choices]
    designs = [{i.name: float(generator.choice([i.lower, i.upper])) for i in inputs} for _ in range(300)]
    answers = [a for a in evaluate_many(oracle, designs, Context()) if isinstance(a, Infeasible)]
    assert len(answers) > 20
    for answer in answers:
        assert set(answer.metrics) == set(MARGINS)
        assert all(-1e9 < one.value <= 2 for one in answer.metrics.values())
        assert min(one.value for one in answer.metrics.values()) < 0


def test_a_bistable_beam_answers_with_its_peak_and_a_negative_margin():
    found = ask(field=3e4, pressure=1, beam_width=4)
    assert found["bistability_margin"] < 0
    assert found["amplitude"] == pytest.approx(found["sensitivity"] * 30, rel=1e-9)


def test_fixed_frequency_follows_the_own_design_by_default():
    fixed = ask(drive="fixed_frequency")
    assert fixed["amplitude"] == pytest.approx(ask()["amplitude"], rel=1e-6)


def test_fixed_frequency_loses_amplitude_when_the_etch_shifts_the_resonance():
    shifted = {"over_etch": 0.05, "field": 1}
    tracked, fixed = ask(**shifted), ask(**shifted, drive="fixed_frequency")
    own = ask(field=1)["resonance_frequency"]
    detuning = 2 * tracked["quality_factor"] * (1 - own / tracked["resonance_frequency"])
    assert fixed["amplitude"] == pytest.approx(tracked["amplitude"] / np.hypot(1, detuning), rel=1e-4)
    assert fixed["amplitude"] < 0.1 * tracked["amplitude"]
    assert fixed["noise_equivalent_field"] == tracked["noise_equivalent_field"]


def test_drive_frequency_overrides_the_own_design():
    own = ask()["resonance_frequency"]
    away = ask(drive="fixed_frequency", drive_frequency=own * 1.01)
    assert away["amplitude"] < 0.2 * ask()["amplitude"]


def test_a_batch_gives_what_single_dies_give():
    oracle = Magnetometer()
    dies = [{**DESIGN, "over_etch": float(o), "drive": d} for o in np.linspace(-0.2, 1, 7) for d in
            ("tracked_resonance", "fixed_frequency")]  # fmt: skip
    dies.append({**DESIGN, "residual_stress": -100.0})
    for die, one in zip(dies, oracle.evaluate_batch(dies, Context()), strict=True):
        single = evaluate_many(_OneByOne(oracle), [die], Context())[0]
        assert type(one) is type(single)
        assert getattr(one, "reason", None) == getattr(single, "reason", None)
        assert {n: o.value for n, o in one.metrics.items()} == pytest.approx(
            {n: o.value for n, o in single.metrics.items()}, rel=1e-12
        )


def test_reproduced_amplitude_has_the_published_mean_and_spread():
    generator = np.random.default_rng(2022)
    modulus, etch = generator.normal(149.5, 1.3, 100_000), generator.normal(0, 0.05, 100_000)
    amplitude = published_amplitude(modulus, etch)
    assert amplitude.mean() == pytest.approx(1.670, abs=0.001)
    assert amplitude.std() == pytest.approx(0.0320, abs=0.001)


def test_reproduction_is_labelled_calibrated_and_answers_the_amplitude_only(tmp_path):
    oracle = find("magnetometer", folder=tmp_path, options={"reproduce": "quesada_molina_2022"})
    assert oracle.declaration.labels == ("calibrated",)
    assert [o.name for o in oracle.declaration.outputs] == ["amplitude"]
    assert oracle.evaluate({}, Context()).metrics["amplitude"].value == pytest.approx(1.6709)


@pytest.mark.parametrize(("name", "value"), [("beam_length", 41.0), ("beam_width", 2.1), ("gap", 3.0)])
def test_reproduction_refuses_any_other_geometry(name, value):
    oracle = Magnetometer(reproduce="quesada_molina_2022")
    with pytest.raises(OracleError, match=f"{name} is {value:g} um; it answers from"):
        oracle.evaluate({name: value}, Context())


def test_an_unknown_reproduction_is_refused():
    with pytest.raises(OracleError, match="Write 'quesada_molina_2022'"):
        Magnetometer(reproduce="somebody")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"beam_widht": 2}, "Did you mean 'beam_width'"),
        ({"gap": 0.1}, "gap is 0.1 um; it answers from 0.6 to 50 um"),
        ({"damping": "air"}, "damping is 'air'; it must be one of gas"),
        ({"gap": "wide"}, "gap is 'wide', not a number um"),
    ],
    ids=["misspelt", "outside", "choice", "text"],
)
def test_wrong_inputs_get_a_sentence(changes, sentence):
    with pytest.raises(OracleError, match=sentence):
        ask(**changes)


def test_a_missing_length_is_asked_for():
    with pytest.raises(OracleError, match="needs a value for 'beam_length' um"):
        Magnetometer().evaluate({"beam_width": 3.0}, Context())


def test_worst_corner_design_survives_where_the_nominal_one_does_not():
    """Compass rules: 20 to 80 kHz and at most 0.2 mW; designs from a brute-force search."""
    generator = np.random.default_rng(5)
    etch, stress = generator.normal(0.05, 0.05, 4000), generator.normal(0, 3, 4000)

    def share(**design):
        fixed = {"beam_length": 800.0, "gap": 4.0, **design}
        dies = [{**fixed, "over_etch": o, "residual_stress": s} for o, s in zip(etch, stress, strict=True)]
        answers = evaluate_many(Magnetometer(), dies, Context())
        good = [a for a in answers if isinstance(a, Result) and min(a.metrics[m].value for m in MARGINS) >= 0]
        inside = [
            20 <= a.metrics["resonance_frequency"].value <= 80 and a.metrics["drive_power"].value <= 0.2
            for a in good
        ]
        return sum(inside) / len(dies)

    assert share(beam_width=6.47, current=2.524) < 0.3
    assert share(beam_width=5.2, current=2.19) > 0.995
