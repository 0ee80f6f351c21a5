"""The real Kubernetes API server and the real PBS, where they are, for the tests."""
