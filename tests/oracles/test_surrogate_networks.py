"""Networks of structures: what they are exact for, whatever their weights, and the published sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from designloop_oracles.homogenization.beams import beam_moduli
from designloop_oracles.homogenization.stiffness import film_stiffness, youngs_moduli
from designloop_oracles.homogenization.windows import apparent_stiffness
from designloop_oracles.microstructure.polycrystals import polycrystal
from designloop_oracles.surrogates.networks import bilinear, build, weights
from designloop_oracles.surrogates.networks.beams import MODULUS, SHEAR_MODULUS
from designloop_oracles.surrogates.networks.cycle import BULK, SHEAR, _film_forces
from designloop_oracles.surrogates.networks.sections import bending_modulus


def fresh(name, *, seed=0, **options):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build(name, options).double()


def film(size, *, pixel, seed):
    """Angles ``(ny, nx)`` of a cut film with grains of 0.5 um."""
    grains = polycrystal(size=size, spacing=0.5, pixel=pixel, periodic=False, seed=seed)
    return torch.from_numpy(grains.angles[grains.labels])


def image(angles):
    return torch.stack([torch.cos(4 * angles), torch.sin(4 * angles)], -3)


def stiffness(angles):
    return film_stiffness(angles).movedim((-2, -1), (-4, -3)).contiguous()


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("sve_cnn", 176_001),
        ("beam_net", 6_201),
        ("amplitude_net", 15_401),
        ("permeability_cnn", 607_138),
        ("window_net", 202),
        ("whole_beam_net", 207),
    ],
)
def test_a_network_has_the_stated_number_of_weights(name, count):
    assert weights(build(name)) == count


def test_an_unknown_network_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no network 'unet'; write one of window_net"):
        build("unet")


def test_an_unknown_option_is_refused():
    with pytest.raises(ValueError, match="'window_net' has other options: .*depth"):
        build("window_net", {"depth": 3})


def test_forces_of_the_film_are_the_gradient_of_its_energy():
    field = torch.randn(2, 2, 6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    field.requires_grad_(True)
    moduli = torch.tensor([BULK / SHEAR, 1, 1], dtype=torch.float64)[:, None, None]
    parts = zip(bilinear.WEIGHTS, bilinear.strains(field), strict=True)
    energy = sum(weight * (moduli * strain**2).sum() for weight, strain in parts) / 2
    (gradient,) = torch.autograd.grad(energy, field)
    torch.testing.assert_close(_film_forces(field), gradient, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4])
def test_a_window_of_one_crystal_has_the_modulus_of_the_crystal(angle):
    angles = torch.full((12, 16), angle, dtype=torch.float64)
    expected = youngs_moduli(film_stiffness(angles[0, 0]))[0]
    answer = fresh("window_net")(image(angles)[None])
    torch.testing.assert_close(answer[0, 0], expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("boundary", ["displacement", "traction"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10**6), ny=st.integers(5, 21), nx=st.integers(5, 21))
def test_a_window_s_bound_lies_above_the_solver_and_below_voigt_whatever_the_weights(boundary, seed, ny, nx):
    rng = np.random.default_rng(seed)
    angles = torch.from_numpy(rng.uniform(0, np.pi / 2, (1, ny, nx)))
    net = fresh("window_net", seed=seed, boundary=boundary)
    with torch.no_grad():
        net.cycle.kernels.add_(torch.from_numpy(rng.normal(0, 0.05, net.cycle.kernels.shape)))
        bound, voigt = (float(of(image(angles))) for of in (net.bound, net.guess))
    tensor = apparent_stiffness(stiffness(angles), boundary=boundary).tensor
    exact = float(youngs_moduli(tensor)[0, 0])
    assert exact * (1 - 1e-6) <= bound <= voigt * (1 + 1e-9)


def test_displacement_frames_leave_a_film_the_same_modulus_along_x_and_y():
    angles = film((2.0, 2.0), pixel=1 / 8, seed=3)[None]
    tensor = apparent_stiffness(stiffness(angles), boundary="displacement", tolerance=1e-10).tensor
    x, y = youngs_moduli(tensor)[0]
    assert float(x) == pytest.approx(float(y), rel=1e-9)


def test_mirror_images_have_the_same_first_guess():
    angles = film((2.0, 2.0), pixel=1 / 8, seed=4)[None]
    net = fresh("window_net")
    mirrored = -angles.flip(-1)
    torch.testing.assert_close(net.guess(image(mirrored)), net.guess(image(angles)))


@pytest.mark.parametrize("angle", [0.0, 0.3, np.pi / 4])
def test_the_first_guess_of_a_beam_of_one_crystal_lies_above_its_modulus_but_not_far(angle):
    angles = torch.full((8, 160), angle, dtype=torch.float64)
    exact = float(youngs_moduli(film_stiffness(angles[0, 0]))[0])
    guess = float(fresh("whole_beam_net").guess(image(angles)[None])[0, 0])
    assert exact * (1 - 1e-9) <= guess <= 1.05 * exact


@pytest.mark.parametrize(("aspect", "columns"), [(20.0, 160), (7.0, 50), (75.0, 600)])
def test_a_homogeneous_chain_is_its_own_bending_modulus_at_any_size(aspect, columns):
    film = torch.tensor([MODULUS, MODULUS / 12, 5 / 6 * SHEAR_MODULUS], dtype=torch.float64).diag()
    sections = 1.1 * film.expand(1, columns, 3, 3)
    found = bending_modulus(sections, aspect=aspect, modulus=MODULUS, shear_modulus=SHEAR_MODULUS)
    assert float(found) == pytest.approx(1.1 * MODULUS, rel=1e-9)


def test_a_slender_chain_has_the_frequency_of_the_textbook():
    from designloop_oracles.surrogates.networks.sections import _first_squared

    film = torch.tensor([1.0, 1 / 12, 5 / 6 * 0.42], dtype=torch.float64).diag()
    squared = float(_first_squared(film.expand(1, 64, 3, 3), 200 / 64)[0])
    assert squared == pytest.approx(4.730041**4 / 12 / 200**4, rel=4e-3)


def test_a_stiff_end_weighs_more_in_bending_than_a_stiff_quarter_point():
    film = torch.tensor([MODULUS, MODULUS / 12, 5 / 6 * SHEAR_MODULUS], dtype=torch.float64).diag()
    sections = film.repeat(2, 160, 1, 1)
    sections[0, :8] *= 1.2
    sections[1, 36:44] *= 1.2
    end, quarter = bending_modulus(sections, aspect=20.0, modulus=MODULUS, shear_modulus=SHEAR_MODULUS)
    assert end > quarter + 1


@pytest.fixture(scope="module")
def beams():
    angles = torch.stack([film((20.0, 2.0), pixel=1 / 8, seed=seed) for seed in range(12)])
    axial, bending = beam_moduli(stiffness(angles), tolerance=1e-5)
    return image(angles), torch.stack([axial.value, bending.value], 1)


def test_untrained_beams_explain_most_of_the_scatter(beams):
    images, moduli = beams
    with torch.no_grad():
        answer = fresh("whole_beam_net")(images)
    error = (answer - moduli).var(0) / moduli.var(0)
    assert (error < 0.03).all()


def test_bending_feels_the_sense_in_which_crystals_are_turned(beams):
    images, moduli = beams
    turned = images * torch.tensor([1.0, -1.0])[:, None, None]
    with torch.no_grad():
        right, wrong = (fresh("whole_beam_net")(x)[:, 1] - moduli[:, 1] for x in (images, turned))
    assert wrong.var() > 5 * right.var()
