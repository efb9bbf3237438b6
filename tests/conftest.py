"""Fixtures that several folders of tests share."""

from hypothesis import HealthCheck, settings

pytest_plugins = [
    "plugins.folders",
    "plugins.postgres",
    "plugins.real_data",
    "plugins.stopping",
    "plugins.workers",
]

# A test must not fail because the machine is busy.
settings.register_profile("melpark", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("melpark")
