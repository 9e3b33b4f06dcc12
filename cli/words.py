"""Texts of others on a terminal."""

from __future__ import annotations

import unicodedata


def clean(text: object) -> str:
    """A text without what could drive a terminal: control characters, and marks that turn the direction of writing.

    Names and messages come from other systems, and whoever fills in a form there chooses them.
    """
    return "".join(" " if unicodedata.category(letter) in {"Cc", "Cf", "Cs"} else letter for letter in str(text))
