"""What each package offers by name, and nothing by accident."""

import importlib

import pytest

OFFERED = {
    "skerry.runtime": ["Artifact", "Manifest", "Model", "SessionConfig", "SkerryError", "load"],
    "skerry.export": ["evaluate", "export"],
    "skerry.quantize": ["Front", "distill", "optimize", "quantize"],
    "skerry.cli": ["main"],
}


@pytest.mark.parametrize("package", OFFERED)
def test_a_package_offers_exactly_these_names(package: str) -> None:
    module = importlib.import_module(package)
    assert sorted(module.__all__) == sorted(OFFERED[package])
    assert all(hasattr(module, name) for name in module.__all__)


@pytest.mark.parametrize("package", OFFERED)
def test_every_offered_name_says_what_it_is(package: str) -> None:
    module = importlib.import_module(package)
    assert all(getattr(module, name).__doc__ for name in module.__all__)
