"""Words shared by every package: column names, event types and the exception tree.

StylefeedError              anything this library raises on purpose
├── InputError              what the caller gave cannot be used (the command exits with 2)
│   ├── SchemaError         a table lacks a column, has a wrong type, or is empty
│   ├── ImageError          one picture cannot be decoded safely
│   └── ConfigError         a setting is unknown or out of range
├── ContractError           the calling code is wrong: shapes, lengths, options (a bug: exit 1)
├── StorageError           a file or folder of the job cannot be written (exits with 2)
├── WeightsError            a pretrained weights file is missing or is not the file expected
└── NotFittedError          a model was asked before `fit` or `load`
"""

from __future__ import annotations

from typing import Final

ORIGINAL: Final = "original"
"""`style_id` of the null look wherever a table needs a value: the plain photo."""

EVENT_TYPES: Final = ("impression", "view", "click", "cart", "purchase")
STYLE_CODE_SIZE: Final = 100


class StylefeedError(Exception):
    """Root of every error raised on purpose."""


class InputError(StylefeedError):
    """Bad input: says what was wrong, what was got, what was expected and what to do."""


class SchemaError(InputError):
    """A table breaks its contract."""


class ImageError(InputError):
    """One picture cannot be used."""


class ConfigError(InputError):
    """A setting is unknown or out of range."""


class ContractError(StylefeedError):
    """The calling code breaks a function's contract: a bug, whatever the tables and settings."""


class StorageError(StylefeedError):
    """A file or folder of the job cannot be written: the disk is full, read-only, or in the way."""


class WeightsError(StylefeedError):
    """Pretrained weights are missing or are not the file expected."""


class NotFittedError(StylefeedError):
    """A model was asked for results before it was fitted or loaded."""
