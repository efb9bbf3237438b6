"""Watching over change capture: the slot and its WAL, what may have been missed, and snapshots that fill it."""
