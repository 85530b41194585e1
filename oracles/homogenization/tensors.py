"""Small symmetric positive definite tensors, one per voxel or frequency; the grid comes last."""

from __future__ import annotations

import torch
from torch import Tensor


def inverses(tensors: Tensor, dimension: int) -> Tensor:
    """Inverse of each tensor, ``(..., s, s, *grid)`` with ``dimension`` axes in the grid, by sweeping.

    A sweep works on whole fields; LAPACK would take the tensors one by one.
    """
    row, column = -2 - dimension, -1 - dimension
    swept = tensors.clone()
    for k in range(tensors.shape[column]):
        pivot = swept.narrow(row, k, 1).narrow(column, k, 1).reciprocal()
        across = swept.narrow(row, k, 1) * pivot
        down = swept.narrow(column, k, 1).clone()
        swept -= down * across
        swept.narrow(row, k, 1).copy_(across)
        swept.narrow(column, k, 1).copy_(down * pivot)
        swept.narrow(row, k, 1).narrow(column, k, 1).copy_(-pivot)
    return swept.neg_()


def congruent(tensors: Tensor, root: Tensor, dimension: int) -> Tensor:
    """``root @ C @ root.T`` of each tensor ``(..., s, s, *grid)``, as one matrix product."""
    square = (len(root) ** 2, -1)
    front = tensors.shape[: tensors.dim() - dimension - 2]
    flat = tensors.reshape(*front, *square)
    return (torch.kron(root, root) @ flat).reshape(tensors.shape)
