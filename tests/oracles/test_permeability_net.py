"""The coarse-graining network keeps what holds for every image, whatever its weights; it learns the rest."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from designloop.learning.networks.training import Fold, Recipe, train
from designloop_oracles.homogenization.periodic import NotConverged, effective_conductivity
from designloop_oracles.surrogates.networks import lattice
from designloop_oracles.surrogates.networks.permeability import PermeabilityNet, decoded, encoded


@pytest.fixture(scope="module")
def network() -> PermeabilityNet:
    """Random weights, far from what training would give, solved tightly."""
    torch.manual_seed(3)
    net = PermeabilityNet(tolerance=1e-7).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2)
    return net.requires_grad_(requires_grad=False)


def images(count: int = 2, *, ny: int = 32, nx: int = 48) -> Tensor:
    draws = torch.Generator().manual_seed(5)
    return (torch.rand(count, 1, ny, nx, generator=draws) > 0.6).double()


def permeability(net: PermeabilityNet, image: Tensor) -> Tensor:
    return decoded(net(image))


@pytest.mark.parametrize("axis", [-1, -2], ids=["x", "y"])
def test_mirrors_change_the_sign_of_mu_12_alone(network: PermeabilityNet, axis: int) -> None:
    expected = permeability(network, images()) * torch.tensor([1.0, 1.0, -1.0])
    torch.testing.assert_close(permeability(network, images().flip(axis)), expected, rtol=1e-8, atol=1e-8)


def test_exchanged_axes_exchange_the_permeabilities(network: PermeabilityNet) -> None:
    expected = permeability(network, images())[:, [1, 0, 2]]
    torch.testing.assert_close(permeability(network, images().mT), expected, rtol=1e-8, atol=1e-8)


def test_rolls_by_whole_blocks_change_nothing(network: PermeabilityNet) -> None:
    rolled = torch.roll(images(), (4, 8), (-2, -1))
    expected = permeability(network, images())
    torch.testing.assert_close(permeability(network, rolled), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("phase", [0.0, 1.0], ids=["matrix", "disks"])
def test_a_homogeneous_image_has_its_own_permeability(network: PermeabilityNet, phase: float) -> None:
    mu = 250.0 if phase else 1.0
    found = permeability(network, torch.full((1, 1, 16, 16), phase).double())
    torch.testing.assert_close(found, torch.tensor([[mu, mu, 0.0]]).double(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("contrast", [1.0, 0.1])
def test_disks_may_be_as_weak_as_one_likes(contrast: float) -> None:
    rows = images(1, ny=32, nx=1).expand(1, 1, 32, 16)
    f = rows.mean()
    along = float(permeability(PermeabilityNet(contrast=contrast, tolerance=1e-7).double(), rows)[0, 0])
    assert along == pytest.approx(float(1 - f + f * contrast), rel=1e-9)


def test_laminates_are_exact(network: PermeabilityNet) -> None:
    rows = images(1, ny=32, nx=1).expand(1, 1, 32, 16)
    f = rows.mean()
    exact = torch.stack([1 + 249 * f, 1 / (1 - f + f / 250), torch.zeros(()).double()])[None]
    torch.testing.assert_close(permeability(network, rows), exact, rtol=1e-10, atol=1e-10)


def test_tensors_are_symmetric_and_positive_definite(network: PermeabilityNet) -> None:
    tensor = network.tensor(images(8))
    torch.testing.assert_close(tensor, tensor.mT)
    assert bool((torch.linalg.eigvalsh(tensor) > 0).all())


def test_images_without_whole_blocks_are_refused(network: PermeabilityNet) -> None:
    with pytest.raises(ValueError, match="50 x 32 pixels has no whole blocks of 4"):
        network.tensor(images(1, ny=32, nx=50))


def test_decoding_undoes_encoding() -> None:
    mu = torch.tensor([[2.0, 3.0, -0.5], [60.0, 50.0, 4.0]]).double()
    torch.testing.assert_close(decoded(encoded(mu)), mu)


def bonds(ny: int = 6, nx: int = 8) -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(1)
    gx, gy = torch.rand(2, 1, 1, ny, nx, generator=draws, dtype=torch.float64).exp()
    return gx, gy


def test_a_lattice_of_rows_in_parallel_is_exact() -> None:
    gx = bonds()[0]
    tensor = lattice.effective(gx, torch.full_like(gx, 1e-14), tolerance=1e-12)
    torch.testing.assert_close(tensor[0, 0, 0], (1 / (1 / gx).mean(-1)).mean(), rtol=1e-9, atol=0)


def test_the_gradient_of_a_lattice_needs_no_derivative_of_the_solution() -> None:
    gx, gy = (g.requires_grad_() for g in bonds())
    assert torch.autograd.gradcheck(
        lambda a, b: lattice.effective(a, b, tolerance=1e-13), (gx, gy), eps=1e-5, atol=1e-6
    )


def test_an_early_end_overestimates_and_its_error_is_second_order() -> None:
    gx, gy = bonds(32, 32)
    exact = lattice.effective(gx**6, gy**6, tolerance=1e-12)[0]
    excess = [float((lattice.effective(gx**6, gy**6, tolerance=t)[0] - exact).trace()) for t in (0.1, 0.01)]
    assert 0 < excess[1] < excess[0] / 20


def test_a_lattice_that_is_not_solved_is_no_answer() -> None:
    gx, gy = bonds(32, 32)
    with pytest.raises(NotConverged, match="400 iterations; loosen the tolerance"):
        lattice.effective(gx**60, gy**60, tolerance=1e-12)


def disks(count: int, *, side: int = 32) -> Tensor:
    """Squares as they fall, 3 to 6 pixels wide, periodic."""
    draws = torch.Generator().manual_seed(7)
    image = torch.zeros(count, 1, side, side)
    for one in image:
        for _ in range(12):
            width, y, x = (
                int(torch.randint(low, high, (), generator=draws))
                for low, high in ((3, 7), (0, side), (0, side))
            )
            patch = torch.zeros(1, side, side)
            patch[:, :width, :width] = 1
            one.copy_(torch.maximum(one, torch.roll(patch, (y, x), (-2, -1))))
    return image


def test_training_brings_it_near_the_solver() -> None:
    image = disks(48)
    tensor = effective_conductivity(torch.where(image[:, 0] > 0, 250.0, 1.0).double()).tensor
    labels = encoded(tensor[:, (0, 1, 0), (0, 1, 1)]).numpy()
    fold, held = Fold(x=image[:36], y=labels[:36]), Fold(x=image[36:], y=labels[36:])
    recipe = Recipe(
        optimizer="adam", learning_rate=1e-2, batch=6, epochs=12, schedule="cosine", clip=1.0,
        standardize_inputs=False, standardize_targets=False,
    )  # fmt: skip
    before = (
        PermeabilityNet()(held.x if isinstance(held.x, Tensor) else torch.as_tensor(held.x)).detach().numpy()
    )
    after = train(PermeabilityNet, fold, held, recipe=recipe, members=1, seed=0).predict(held.x)[0]
    first, last = (float(((told - held.y) ** 2).mean()) for told in (before, after))
    assert last < first / 5
