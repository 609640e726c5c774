"""How fast dts is on this machine, each figure beside its floor: the same work without an agent, in the same run."""
