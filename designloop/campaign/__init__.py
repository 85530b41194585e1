"""The campaign file: reading, checking, and what it says once resolved."""

from __future__ import annotations

from designloop.campaign.help import explain, json_schema
from designloop.campaign.loading import load, loads
from designloop.campaign.model import Campaign
from designloop.campaign.summary import validate_report
from designloop.campaign.template import starting_text, template

__all__ = [
    "Campaign",
    "explain",
    "json_schema",
    "load",
    "loads",
    "starting_text",
    "template",
    "validate_report",
]
