"""The base of the models of `tidemark.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """Rejects unknown keys: a misspelt one would silently leave the default in effect."""

    model_config = ConfigDict(extra="forbid", frozen=True)
