"""Paints: (pictures, masks, looks) -> pictures and fidelity reports; knows no user.

What a user needs is imported from here; `__init__.pyi` lists it. A name is loaded when it is first
used, so that importing the package costs nothing.
"""

from importlib.util import find_spec
from pathlib import Path

import lazy_loader

# A folder of one of these names where Python was started is found before ours.
for _name in ("features",):
    _own, _spec = Path(__file__).parents[1] / _name, find_spec(_name)
    _found = [] if _spec is None else list(_spec.submodule_search_locations or [str(_spec.origin)])
    if not any(Path(_folder).resolve() == _own.resolve() for _folder in _found):
        raise ImportError(
            f"{', '.join(_found) or 'nothing'} shadows {_own} of Stylefeed as {_name!r}: start "
            "Python in another folder, or rename yours"
        )

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
