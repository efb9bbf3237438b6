"""Alerts leave the system by webhook: kept in an outbox until the receiver has taken them."""
