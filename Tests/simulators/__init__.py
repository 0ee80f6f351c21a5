"""Simulators of what the connector talks to: Kubernetes and PBS."""
