"""The networks a training begins with: drawn anew for each member, or with weights learned before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from designloop.learning.networks.ensemble import Build, Ensemble
from designloop.learning.networks.seeds import layers_seeded, seed_at

Start = Ensemble | Sequence[Mapping[str, Tensor]]
"""Weights to begin from: an ensemble (its scaling is kept too) or state dicts that members take in turn."""


def fresh(build: Build, *, members: int, seed: int, start: Start | None = None) -> list[nn.Module]:
    """One module a member. A state dict may leave out parameters, which then are drawn anew.

    Raises ValueError where ``start`` names parameters the network does not have, or of another shape.
    """
    found = [_drawn(build, seed_at(seed, "start", k)) for k in range(members)]
    if start is not None:
        states = _states(start)
        for k, module in enumerate(found):
            _load(module, states[k % len(states)])
    return found


def _drawn(build: Build, seed: int) -> nn.Module:
    with layers_seeded(seed):
        return build()


def _states(start: Start) -> Sequence[Mapping[str, Tensor]]:
    if not isinstance(start, Ensemble):
        return start
    return [{name: value[k] for name, value in start.states.items()} for k in range(start.members)]


def _load(module: nn.Module, state: Mapping[str, Tensor]) -> None:
    own = module.state_dict()
    for name, value in state.items():
        if name not in own:
            raise ValueError(f"the weights to start from name {name!r}, which the network does not have.")
        if value.shape != own[name].shape:
            raise ValueError(
                f"{name!r} of the weights to start from is {tuple(value.shape)}, "
                f"of the network {tuple(own[name].shape)}."
            )
    with torch.no_grad():
        for name, value in state.items():
            own[name].copy_(value)
