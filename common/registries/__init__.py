"""Registries: who lives and who leads, kept in memory, in Redis or in ZooKeeper."""
