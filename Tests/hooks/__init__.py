"""Tests of the PBS hooks (hooks/)."""
