"""Options of Airbyte's standard tests, and what every test may use."""

pytest_plugins = ["airbyte_cdk.test.standard_tests.pytest_hooks"]
