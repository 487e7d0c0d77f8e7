"""Helpers of the tests: shipped to them by `pythonpath`, never installed. No test cases here."""
