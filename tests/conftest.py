"""What a test process has once."""

import pytest
from skrouter_testing.sasl import SaslUsers, make_users


@pytest.fixture(scope="session")
def sasl_users(tmp_path_factory: pytest.TempPathFactory) -> SaslUsers:
    """Cyrus with a database of one user, for all tests of the process: it can be initialized once."""
    return make_users(tmp_path_factory.mktemp("sasl"))
