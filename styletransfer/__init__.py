"""Paints: (pictures, masks, looks) -> pictures and fidelity reports; knows no user.

What a user needs is imported from here; `__init__.pyi` lists it. A name is loaded when it is first
used, so that importing the package costs nothing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
