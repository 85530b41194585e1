"""Networks of structures by name: a name and JSON options rebuild one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from designloop.learning.networks.training import Augment

from .beams import BeamNet
from .permeability import PermeabilityNet, rolled
from .published import PermeabilityCnn, SveCnn, amplitude_net, beam_net
from .smooth import smooth_net
from .windows import WindowNet

NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "window_net": WindowNet,
    "whole_beam_net": BeamNet,
    "sve_cnn": SveCnn,
    "beam_net": beam_net,
    "amplitude_net": amplitude_net,
    "smooth_net": smooth_net,
    "permeability_net": PermeabilityNet,
    "permeability_cnn": PermeabilityCnn,
}
MOVES: Mapping[str, Augment] = {"permeability_net": rolled}
"""Moves of the images that no label notices but the network does; trained under them."""


def build(name: str, options: Mapping[str, Any] | None = None) -> nn.Module:
    """A fresh network; raises ValueError for a name or an option that there is not."""
    if name not in NETWORKS:
        raise ValueError(f"there is no network {name!r}; write one of {', '.join(NETWORKS)}.")
    try:
        return NETWORKS[name](**dict(options or {}))
    except TypeError as error:
        raise ValueError(f"the network {name!r} has other options: {error}.") from None


def weights(network: nn.Module) -> int:
    """How many numbers a network learns."""
    return sum(parameter.numel() for parameter in network.parameters())
