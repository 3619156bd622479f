"""The parts of the soak: every module here has one, `PART`."""

import importlib
import pkgutil

from soak.part import Part


def all_parts() -> list[Part]:
    """All of them, by name of their module."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [importlib.import_module(f"{__name__}.{name}").PART for name in names]
