"""Options of Airbyte's standard tests, and what every test may use."""

from hypothesis import settings

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]

settings.register_profile("quick", max_examples=60, deadline=None)
settings.load_profile("quick")
