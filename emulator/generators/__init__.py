"""What can make the values of a field: each module of this folder makes its generators known by name.

Take `compile_columns` from here: then all of them are known.
"""

from ..expressions import compile_columns
from . import custom_fields, general, odd_values

__all__ = ["compile_columns", "custom_fields", "general", "odd_values"]
