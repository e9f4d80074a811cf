"""The contract of a platform: the shop's software, whose webhooks keep customers, carts and orders current.

A platform is one file in `automation/platforms/`, built as `Kind(settings, http)`. Near its top stands a literal
table "their topic → the function that translates it".
"""

from __future__ import annotations

from automation.source import Envelope, Request, Source, SourceSettings, read_json

__all__ = ["Envelope", "Platform", "PlatformSettings", "Request", "read_json"]


class PlatformSettings(SourceSettings):
    """What a person fills in to connect a shop."""


class Platform(Source):
    """A connected shop."""
