"""Names of a package that load their module when they are first used."""

import importlib
import sys
from collections.abc import Mapping


def lazy_names(package, module_of: Mapping[str, str]):
    """Makes the `__getattr__` and `__dir__` of a package whose names load late.

    No module may have the name of what it holds: importing the module would hide it.

    Args:
        package: The package's `__name__`.
        module_of: For each name the module below the package that defines it.

    Returns:
        The two functions.
    """

    def __getattr__(name):
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{module_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *module_of})

    return __getattr__, __dir__
