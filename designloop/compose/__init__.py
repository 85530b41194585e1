"""Oracles made of oracles."""

from designloop.compose.building import oracle_of as oracle_of
from designloop.compose.dies import CampaignOracle as CampaignOracle
