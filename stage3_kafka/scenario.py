"""Stage 3 as a lesson."""

from stage2_zk.scenario import SCENARIO as SCENARIO
