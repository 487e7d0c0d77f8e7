"""The version that programs tell; a packaging test holds it to setup.cfg."""

VERSION = "0.1.0"
