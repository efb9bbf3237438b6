"""Fixtures that several folders of tests share."""

pytest_plugins = ["plugins.postgres", "plugins.real_data"]
