"""The nouns of the house: frozen dataclasses that need nothing but the standard library."""
