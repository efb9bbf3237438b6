"""MelPark: Melbourne's open parking feed as live and historical answers."""

__version__ = "0.1.0"
