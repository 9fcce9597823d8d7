# Include this in your lock's Makefile, after saying where lockstorm is and which lock you test:
#
#   GATE_LOCK := flufl.lock
#   GATE_WITH := .
#   include ../lockstorm/ci/templates/lockstorm.mk
#
# All GATE_ variables are in gate.sh; `make lock-smoke GATE_SEEDS=1` sets one for once.

GATE_SH := $(dir $(lastword $(MAKEFILE_LIST)))gate.sh
GATE_SUITE ?= standard

export GATE_LOCK GATE_WITH GATE_SEEDS GATE_BASELINE GATE_BUDGET GATE_SHARD GATE_UNKNOWN
export GATE_STRICT GATE_JOBS GATE_KEEP GATE_OUT GATE_LAYERS LOCKSTORM

.PHONY: lock-setup lock-smoke lock-gate lock-full lock-report

# Once, and after an update of lockstorm.
lock-setup:
	bash "$(GATE_SH)" setup

# For every change.
lock-smoke:
	GATE_SUITE=smoke bash "$(GATE_SH)" gate

# Before a merge.
lock-gate:
	GATE_SUITE="$(GATE_SUITE)" bash "$(GATE_SH)" gate

# Before a release.
lock-full:
	GATE_SUITE=full bash "$(GATE_SH)" gate

# The last results as HTML, Markdown and JUnit XML, beside them.
lock-report:
	bash "$(GATE_SH)" report
