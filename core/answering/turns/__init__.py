"""Turns: in order, in a fair line, remembered, paid for, stopped or ended, whatever happens to the process."""
