"""Oracles made of oracles."""

from designloop.compose.dies import CampaignOracle as CampaignOracle
