# The connector's own targets; README.md says which to begin with.
#
#   make demo      install what is missing, build, show the main job, stop
#   make test      install what is missing, build, run every test
#   make test-real  the tests on the PBS of this site, or of a lab: docs/testing.md first
#   make build     debug build                make release   static, stripped executables
#   make hooks     the two hooks, each as one file: .build/hooks/pbs_kubernetes.PY, .build/hooks/pbs_kubernetes_server.PY
#   make test-hooks  the tests of the hooks on every Python of this machine
#   make bench     speed, cost and memory     make bench-compare BASE=old.json [NEW=bench.json]
#   make chaos MINUTES=30 [KUBERNETES=real] [SEED=7]
#   make simulate HOURS=10000 [SEED=7]   the three cores in one process, on a clock that jumps
#   make simulate-defects   that it finds defects which are put back
#   make fuzz SECONDS=60 [TARGETS="pod qstat"]
#   make docs      the documentation as a site: .build/site
#   make install [DESTDIR=] [PREFIX=/usr/local]   what make release has built, and all that belongs to it
#   make deb       Debian packages                make rpm       RPM packages
#   make test-packages   both, installed in a Debian root of their own, and removed again
#   make format    swift format               make lint      the same, as a check

SHELL := /bin/bash
export PYTHONPATH := Tests
# A Python that has pytest and pytest-xdist, or Debian's, which gets them from packages.
PYTHON := $(shell python3 -c 'import pytest, xdist' 2>/dev/null && echo python3 || echo /usr/bin/python3)
# Most tests wait most of the time: so many run beside each other, each file's in one process.
BESIDE ?= -n 3 --dist loadfile
# What is said otherwise where PBS is talked to by its library; all the rest runs by the commands.
BY_LIBRARY := $(addprefix Tests/integration/test_,association.py broker_down.py cut_submissions.py hints.py job_ends.py \
  libpbs.py options.py pbs_state.py pod_ends.py proof_of_submission.py recovery.py whose_job.py)
# Tests wait in real time, and others beside them may take it: what failed runs once more by itself,
# and its first failure stays in the output.
beside = $(1) $(PYTHON) -m pytest $(2) -q -rs $(BESIDE) || { echo "make: what failed beside others runs again by itself"; \
  $(1) $(PYTHON) -m pytest $(2) -q -rs --last-failed --last-failed-no-failures none; }
MINUTES ?= 30
# Simulated hours, and a fresh seed where none is given. LONGEST is of one run; SMALL=1 leaves out the
# sites that cost most.
HOURS ?= 1000
# Which benchmarks, all by default; the figures of which run are compared with $(BASE).
PARTS ?=
NEW ?= bench.json
SECONDS ?= 60
TARGETS ?=
# What chaos fails against: a simulated API server, or a real one.
KUBERNETES ?= simulated

.PHONY: demo test test-real build simulate simulate-defects hooks test-hooks release bench bench-compare chaos docs fuzz format lint prepare prepare-tests kubernetes

prepare:
	@Tests/prepare build

prepare-tests:
	@Tests/prepare test

build: prepare
	swift build

# hooks/install does the same for itself.
hooks:
	$(PYTHON) hooks/installer/build.py .build/hooks/pbs_kubernetes.PY
	$(PYTHON) hooks/installer/build.py .build/hooks/pbs_kubernetes_server.PY pbs_kubernetes_server

# The hooks' tests with the hooks on every Python of this machine, from 3.6 on.
test-hooks: prepare-tests
	$(PYTHON) Tests/hooks/pythons.py

release: prepare
	swift build -c release --static-swift-stdlib
	mkdir -p .build/stripped
	for program in kube-watcher pbs-broker binder; do \
	  strip -o .build/stripped/$$program .build/release/$$program || exit 1; done
	ls -l .build/stripped

demo: prepare-tests build
	$(PYTHON) -m demo

# A real kube-apiserver, built once from Debian's source package; exit 77 says that
# this is not possible here, and the tests that need it are skipped by name.
kubernetes: prepare-tests
	@Tests/real/build-kubernetes kube-apiserver > /dev/null || test $$? -eq 77

# On the kube-apiserver that is built here; then what needs a real one also on that in $KUBEBUILDER_ASSETS.
test: prepare-tests build kubernetes
	swift test --no-parallel
	$(MAKE) simulate HOURS=30 SEED=13
	$(MAKE) simulate HOURS=30 SEED=11
	$(MAKE) simulate HOURS=12 SEED=12
	$(MAKE) simulate HOURS=500 LONGEST=25 SMALL=1 SEED=600000
	$(call beside,KUBEBUILDER_ASSETS=,Tests)
	$(call beside,KUBEBUILDER_ASSETS= PBS_CONNECTOR_BACKEND=libpbs,$(BY_LIBRARY) -m "not real_pbs")
ifneq ($(wildcard $(KUBEBUILDER_ASSETS)/kube-apiserver),)
	$(PYTHON) -m pytest Tests -q -rs -m "real_api and not real_pbs"
endif

# Fails where no PBS answers, so that it never says that all is well when all was skipped.
test-real: prepare-tests build kubernetes
	@$(PYTHON) -c 'import sys; from real.pbs import RealPBS; sys.exit(RealPBS.missing())'
	$(PYTHON) -m pytest Tests -q -rs -m real_pbs

bench: prepare-tests release kubernetes
	PBS_CONNECTOR_BIN=.build/release $(PYTHON) -m bench $(PARTS)

bench-compare:
	@$(PYTHON) -m bench.compare $(BASE) $(NEW)

# The documentation as a site in .build/site, with every link checked; its pictures from their text.
docs:
	@command -v dot > /dev/null || { echo "make docs: install graphviz" >&2; exit 1; }
	for picture in docs/pictures/*.dot; do dot -Tsvg "$$picture" -o "$${picture%.dot}.svg"; done
	[ -x .build/docs/bin/mkdocs ] || { python3 -m venv .build/docs && .build/docs/bin/pip install --quiet mkdocs-material; }
	NO_MKDOCS_2_WARNING=1 .build/docs/bin/mkdocs build --quiet --strict --config-file deploy/docs/mkdocs.yml

chaos: prepare-tests build $(if $(filter real,$(KUBERNETES)),kubernetes)
	$(PYTHON) -m chaos --minutes $(MINUTES) --kubernetes $(KUBERNETES) $(if $(SEED),--seed $(SEED))

# Hours of a site cost a moment; a seed repeats a run exactly. docs/testing.md.
simulate: prepare
	PBS_CONNECTOR_SIMULATE=1 swift build --product simulate
	$(PYTHON) -m simulation --program .build/debug/simulate --hours $(HOURS) $(if $(SEED),--seed $(SEED)) \
	  $(if $(LONGEST),--longest $(LONGEST)) $(if $(SMALL),--small)

# Puts back what was mended, one after the other, in a copy: the simulator has to find each.
simulate-defects: prepare
	$(PYTHON) -m simulation.defects $(DEFECTS)

# Each target for so many seconds, in a build of its own (.build-fuzz).
fuzz: prepare-tests
	$(PYTHON) -m fuzz --seconds $(SECONDS) $(TARGETS)

format:
	swift format -i -r Package.swift Sources Tests/UnitTests Tests/fuzz Tests/simulation Tests/time

lint:
	swift format lint -r Package.swift Sources Tests/UnitTests Tests/fuzz Tests/simulation Tests/time

include deploy/install.mk
