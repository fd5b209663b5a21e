"""Pieces that several pages of the console show: prose, sources, answers, moments."""
