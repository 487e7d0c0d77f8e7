"""What a test process has once."""

import pytest
from skrouter_testing.sasl import SaslUsers, make_users


@pytest.fixture(scope="session", autouse=True)
def sasl_users(tmp_path_factory: pytest.TempPathFactory) -> SaslUsers:
    """Cyrus with a database of one user, for all tests of the process: it can be initialized once.

    Before any test: proton's Python library, where it was built with Cyrus, initializes it too at first use.
    """
    return make_users(tmp_path_factory.mktemp("sasl"))
