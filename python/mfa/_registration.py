"""Registers the operators with torch where torch has been imported before."""

from ._attention import _find_torch

_find_torch()
