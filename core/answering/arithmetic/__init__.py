"""Arithmetic for the tool `calculate`: numbers, units of the field, money; bounded in time and size."""
