"""All members of an ensemble as one matrix: a row holds the trained weights of one member.

On a matrix, an optimizer, a clip, a best copy and a member's end are each one line. Members are evaluated
together (vmap) or in turn, whichever is faster; milliseconds a step, one CPU thread, float32, torch 2.13:
    network and rows a member             members   vmap   in turn   (channels last)   separate modules
    2-50-150-50-1, 10 rows                     10    1.6       4.8                 -                5.8
    2-50-150-50-1, 800 rows                    10     37        24                 -                 23
    convolutions 16-16-32-32 on 64x64, 32       5    572       274               170                203
vmap makes one grouped convolution of the members', which CPUs compute slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

Values = dict[str, Tensor]
TOGETHER = 256
"""Rows a member up to which a CPU is faster with all members at once."""


class Stack:
    """A module whose parameters and buffers are handed in: trained ones as rows (p,), the rest by name."""

    def __init__(self, module: nn.Module, frozen: tuple[str, ...] = (), *, together: bool) -> None:
        self.module, self.together = module, together
        given = {name: p for name, p in module.named_parameters() if not name.startswith(frozen)}
        if len(given) < sum(
            not name.startswith(frozen) for name, _ in module.named_parameters(remove_duplicate=False)
        ):
            raise ValueError("a parameter of the network has two names; register each module once.")
        if not given:
            raise ValueError("every parameter of the network is frozen: nothing is left to train.")
        self.names, self.shapes = list(given), [value.shape for value in given.values()]
        self.sizes = [value.numel() for value in given.values()]

    def rows(self, states: Sequence[Mapping[str, Tensor]]) -> tuple[Tensor, Values]:
        """One state dict a member as the matrix (members, p), and stacked what is not trained."""
        stacked = {name: torch.stack([state[name] for state in states]) for name in states[0]}
        matrix = torch.cat([stacked[name].flatten(1) for name in self.names], dim=1)
        return matrix, {name: value for name, value in stacked.items() if name not in self.names}

    def states(self, matrix: Tensor, rest: Values) -> Values:
        """Undo ``rows``."""
        members = len(matrix)
        parts = zip(self.names, torch.split(matrix, self.sizes, dim=1), self.shapes, strict=True)
        return {name: part.reshape(members, *shape) for name, part, shape in parts} | rest

    @torch.no_grad()
    def outputs(self, matrix: Tensor, rest: Values, x: Tensor) -> Tensor:
        """Outputs (members, rows, width) at inputs (rows, ...) that all members share."""
        if self.together:
            found: Tensor = vmap(self._call, in_dims=(0, 0, None))(matrix, rest, x)
            return found
        x = _channels_last(x)
        return torch.stack([self._call(row, _of(rest, k), x) for k, row in enumerate(matrix)])

    def gradient(
        self, matrix: Tensor, rest: Values, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Losses (members,) and gradient (members, p) at each member's own rows (members, rows, ...)."""
        if self.together:
            rows = matrix.detach().requires_grad_()
            losses = loss(vmap(self._call, randomness="different")(rows, rest, x), y)
            return losses.detach(), torch.autograd.grad(losses.sum(), rows)[0]
        pairs = [self._one(row, _of(rest, k), x[k], y[k], loss) for k, row in enumerate(matrix)]
        return torch.stack([value for value, _ in pairs]), torch.stack([slope for _, slope in pairs])

    def _one(
        self, row: Tensor, rest: Values, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> tuple[Tensor, Tensor]:
        row = row.detach().requires_grad_()
        value = loss(self._call(row, rest, _channels_last(x)), y)
        return value.detach(), torch.autograd.grad(value, row)[0]

    def _call(self, row: Tensor, rest: Values, x: Tensor) -> Tensor:
        parts = zip(self.names, torch.split(row, self.sizes), self.shapes, strict=True)
        values = {name: part.view(shape) for name, part, shape in parts} | rest
        outputs: Tensor = functional_call(self.module, values, (x,))
        return outputs


def together(module: nn.Module, device: torch.device, rows: int) -> bool:
    """Whether vmap is the faster way; see the figures above."""
    convolutions = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return device.type != "cpu" or (
        rows <= TOGETHER and not any(isinstance(part, convolutions) for part in module.modules())
    )


def _of(rest: Values, member: int) -> Values:
    return {name: value[member] for name, value in rest.items()}


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x
