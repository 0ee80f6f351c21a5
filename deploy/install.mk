# `make install`: what `make release` has built, and all that belongs to it.
#
#   make install PREFIX=/usr DESTDIR=/tmp/root
#
# PREFIX is where the programs find nothing of their own: they can be moved. A configuration that
# is there is left as it is, and ours is laid beside it as FILE.new.

PREFIX ?= /usr/local
DESTDIR ?=
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DATADIR ?= $(PREFIX)/share/pbs-connector
DOCDIR ?= $(PREFIX)/share/doc/pbs-connector
HOOKSDOCDIR ?= $(PREFIX)/share/doc/pbs-connector-hooks
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
# The folder of the three programs, and one for what is made of them.
PROGRAMS ?= .build/stripped
GENERATED ?= .build/generated
VERSION := $(shell sed -n 's/.*static let text = "\(.*\)".*/\1/p' Sources/Shared/Startup/Version.swift)

put = install -D -m $(1) $(2) "$(DESTDIR)$(3)"
# Texts that name the documentation say where it is.
put_text = $(call put,$(1),$(2),$(3)) && sed -i 's|/usr/share/doc/|$(dir $(DOCDIR))|' "$(DESTDIR)$(3)"
# A folder's files, as they are.
put_folder = mkdir -p "$(DESTDIR)$(2)" && (cd $(1) && find . -type f ! -name '*.pyc' -print0 | xargs -0 -I {} \
  install -D -m $(or $(3),644) {} "$(abspath $(DESTDIR)/)$(2)/{}")
put_configuration = if test -e "$(DESTDIR)$(2)"; then cmp -s $(1) "$(DESTDIR)$(2)" || $(call put,644,$(1),$(2).new); \
  else $(call put,644,$(1),$(2)); fi

.PHONY: install install-connector install-hooks generated

install: install-connector install-hooks

generated:
	@for program in kube-watcher pbs-broker binder; do test -x $(PROGRAMS)/$$program || \
	  { echo "make: no $(PROGRAMS)/$$program: make release, or say where with PROGRAMS=" >&2; exit 1; }; done
	rm -rf $(GENERATED)
	$(PYTHON) deploy/man/make-man $(PROGRAMS) $(VERSION) $(GENERATED)

install-connector: generated
	@set -e; for program in kube-watcher pbs-broker binder; do \
	  $(call put,755,$(PROGRAMS)/$$program,$(BINDIR)/$$program); \
	  $(call put_text,644,$(GENERATED)/man/$$program.8,$(MANDIR)/man8/$$program.8); \
	  $(call put,644,$(GENERATED)/bash/$$program,$(BASHDIR)/$$program); \
	  $(call put,644,$(GENERATED)/zsh/_$$program,$(ZSHDIR)/_$$program); \
	  $(call put_text,644,deploy/systemd/$$program.service,$(UNITDIR)/$$program.service); done
	@$(call put,644,$(GENERATED)/man/pbs-connector-config.5,$(MANDIR)/man5/pbs-connector-config.5)
	@$(call put,644,deploy/systemd/pbs-connector.sysusers,$(SYSUSERSDIR)/pbs-connector.conf)
	@$(call put,644,deploy/systemd/pbs-connector.tmpfiles,$(TMPFILESDIR)/pbs-connector.conf)
	@$(call put_configuration,deploy/config.yaml,$(SYSCONFDIR)/pbs-connector/config.yaml)
	@$(call put,644,README.md,$(DOCDIR)/README.md)
	@$(call put,644,LICENSE,$(DOCDIR)/LICENSE)
	@$(call put_folder,docs,$(DOCDIR)/docs)
	@$(call put_folder,deploy/examples,$(DOCDIR)/deploy/examples)
	@$(call put_folder,deploy/systemd/examples,$(DOCDIR)/deploy/systemd/examples)
	@$(call put_folder,deploy/monitoring,$(DOCDIR)/deploy/monitoring)
	@$(call put,644,deploy/rbac.yaml,$(DATADIR)/deploy/rbac.yaml)
	@$(call put,644,deploy/admission-policies.yaml,$(DATADIR)/deploy/admission-policies.yaml)
	@$(call put,755,deploy/kubectl/kubectl-pbs,$(BINDIR)/kubectl-pbs)
	@sed -i '1s|.*|#!/usr/bin/python3|' "$(DESTDIR)$(BINDIR)/kubectl-pbs"
	@$(call put,644,$(GENERATED)/man/kubectl-pbs.1,$(MANDIR)/man1/kubectl-pbs.1)
	@$(call put,644,deploy/rbac-nodes.yaml,$(DATADIR)/deploy/rbac-nodes.yaml)
	@$(call put,644,deploy/renewal.yaml,$(DATADIR)/deploy/renewal.yaml)
	@$(call put_folder,deploy/kubernetes,$(DATADIR)/deploy/kubernetes)
	@$(call put_folder,deploy/supervisors,$(DATADIR)/deploy/supervisors)
	@cd "$(DESTDIR)$(DATADIR)/deploy/supervisors" && chmod 755 folders */*/run && \
	  sed -i 's|/usr/share/pbs-connector|$(DATADIR)|' supervisord.conf */*/run
	@$(call put_folder,deploy/setup,$(DATADIR)/deploy/setup)
	@chmod 755 "$(DESTDIR)$(DATADIR)/deploy/setup/pbs-connector-setup"
	@mkdir -p "$(DESTDIR)$(SBINDIR)"
	@ln -sfnr "$(DESTDIR)$(DATADIR)/deploy/setup/pbs-connector-setup" "$(DESTDIR)$(SBINDIR)/pbs-connector-setup"
	@$(call put,644,$(GENERATED)/man/pbs-connector-setup.8,$(MANDIR)/man8/pbs-connector-setup.8)
	@set -e; for kind in service timer; do \
	  $(call put_text,644,deploy/systemd/pbs-connector-renewal@.$$kind,$(UNITDIR)/pbs-connector-renewal@.$$kind); done
	@echo "installed the connector in $(DESTDIR)$(PREFIX)"

# The installer of the hooks runs on the PBS server, and builds there what execution hosts get.
install-hooks: generated
	@$(call put_folder,hooks/installer,$(DATADIR)/hooks/installer)
	@$(call put_folder,hooks/pbs_kubernetes,$(DATADIR)/hooks/pbs_kubernetes)
	@$(call put_folder,hooks/pbs_kubernetes_server,$(DATADIR)/hooks/pbs_kubernetes_server)
	@$(call put,755,hooks/placeholder,$(DATADIR)/hooks/placeholder)
	@$(call put,755,hooks/install,$(DATADIR)/hooks/install)
	@$(call put_configuration,hooks/pbs_kubernetes.CF,$(SYSCONFDIR)/pbs-connector/pbs_kubernetes.CF)
	@sed -i '1s|.*|#!/usr/bin/python3|' "$(DESTDIR)$(DATADIR)/hooks/install"
	@ln -sfnr "$(DESTDIR)$(SYSCONFDIR)/pbs-connector/pbs_kubernetes.CF" "$(DESTDIR)$(DATADIR)/hooks/pbs_kubernetes.CF"
	@$(call put,755,deploy/pbs-connector-hooks,$(SBINDIR)/pbs-connector-hooks)
	@sed -i 's|/usr/share/pbs-connector|$(DATADIR)|' "$(DESTDIR)$(SBINDIR)/pbs-connector-hooks"
	@$(call put,644,$(GENERATED)/man/pbs-connector-hooks.8,$(MANDIR)/man8/pbs-connector-hooks.8)
	@$(call put,644,hooks/README.md,$(HOOKSDOCDIR)/README.md)
	@$(call put,644,docs/hooks.md,$(HOOKSDOCDIR)/docs/hooks.md)
	@echo "installed the hooks in $(DESTDIR)$(DATADIR)/hooks"

# Packages, in $(PACKAGES), of what is in $(PROGRAMS).
PACKAGES ?= .build/packages

.PHONY: deb rpm prepare-packages test-packages

prepare-packages:
	@Tests/prepare packages

deb: prepare-packages release
	deploy/package deb $(PROGRAMS) $(PACKAGES)

rpm: prepare-packages release
	deploy/package rpm $(PROGRAMS) $(PACKAGES)

# Installs them in a Debian root of its own, which takes some minutes.
test-packages: deb rpm
	PBS_CONNECTOR_PACKAGES=$(abspath $(PACKAGES)) $(PYTHON) -m pytest Tests/packages -q -rs

# kustomize reads nothing outside of its folders, so that three files are there twice.
.PHONY: manifests
manifests:
	cp deploy/rbac.yaml deploy/kubernetes/base/rbac.yaml
	cp deploy/admission-policies.yaml deploy/kubernetes/policies/admission-policies.yaml
	cp deploy/rbac-nodes.yaml deploy/kubernetes/components/sync-nodes/rbac-nodes.yaml
