"""Agents as stage 1's tests start them."""

from tests.stage1.conftest import agents, person, server

__all__ = ["agents", "person", "server"]
