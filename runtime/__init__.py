"""Serve and use artifacts: load, check, run, over HTTP or in process. Needs no scikit-learn."""

from skerry.runtime.artifact import Artifact
from skerry.runtime.errors import SkerryError
from skerry.runtime.manifest import Manifest
from skerry.runtime.model import Model, load
from skerry.runtime.session import SessionConfig

__all__ = ["Artifact", "Manifest", "Model", "SessionConfig", "SkerryError", "load"]
