# SPDX-License-Identifier: ISC
# sallyport: see README.md. "make V=1" shows the commands; "make help" lists the targets.
VERSION     := $(file <VERSION)
PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
LOCALSTATEDIR ?= /var
RUNDIR      ?= /run
# Programs that only the server runs
LIBEXECDIR  ?= $(PREFIX)/libexec
DESTDIR     ?=
# STATIC=1 links the server's two programs with no shared library; PAM, which loads modules, is not in it
STATIC      ?=
ifneq ($(filter-out 0 1,$(STATIC)),)
$(error STATIC=$(STATIC): write STATIC=1, or leave it out)
endif
VARIANT     ?= $(if $(filter 1,$(STATIC)),static,release)
ifneq ($(and $(filter 1,$(STATIC)),$(filter-out static,$(VARIANT))),)
$(error STATIC=1 is a variant itself: leave out STATIC=1 or VARIANT=$(VARIANT))
endif
B           := $(if $(filter release,$(VARIANT)),build,build/$(VARIANT))

# CROSS=aarch64-linux-gnu- builds for another processor, as CC=aarch64-linux-gnu-gcc does
CROSS       ?=
ifneq ($(CROSS),)
CC          := $(CROSS)gcc
endif
CC          ?= cc
# ar(1) of the compiler's target, unless somebody chose one
ifeq ($(origin AR),default)
AR          := $(shell $(CC) -print-prog-name=ar)
endif
PKG         := libseccomp libconfuse libcap-ng jansson openssl zlib libcrypt
CPPFLAGS    += -D_GNU_SOURCE -I. -DSALLYPORT_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
               -DLOCALSTATEDIR='"$(LOCALSTATEDIR)"' -DRUNDIR='"$(RUNDIR)"' \
               -DLIBEXECDIR='"$(LIBEXECDIR)"' -DOPENSSL_API_COMPAT=30000 -DOPENSSL_NO_DEPRECATED
WARNINGS    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
               -Wvla -Wformat=2 -Wundef
# Developers set WERROR=1 (scripts/test does); packagers are not stopped by a new compiler's warning.
WARNINGS    += $(if $(filter 1,$(WERROR)),-Werror)
# What a compiler has for the target: jumps and returns that nobody bends, a stack that grows page by page
TARGET      := $(shell $(CC) -dumpmachine)
HARDENING_x86_64  := -fcf-protection
HARDENING_aarch64 := -mbranch-protection=standard
accepted     = $(if $(shell $(CC) -Werror $(1) -S -x c -o /dev/null /dev/null 2>&1),,$(1))
HARDENING   := -fstack-protector-strong $(call accepted,-fstack-clash-protection) $(HARDENING_$(firstword $(subst -, ,$(TARGET)))) -fPIE
LDHARDENING := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code

ifeq ($(VARIANT),asan)
CPPFLAGS    += -DSALLYPORT_SANITIZE
CFLAGS      ?= -O1 -g
override CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
else ifeq ($(VARIANT),fuzz)
CC          := clang
CPPFLAGS    += -DSALLYPORT_SANITIZE
CFLAGS      ?= -O1 -g
override CFLAGS += -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
override LDFLAGS += -fsanitize=address,undefined
else
CPPFLAGS    += -D_FORTIFY_SOURCE=2
CFLAGS      ?= -O2 -g
endif
ifeq ($(VARIANT),static)
ifeq ($(PAM),yes)
$(error STATIC=1 has no PAM, which loads modules: leave out PAM=yes)
endif
PAM         := no
CPPFLAGS    += -DSALLYPORT_STATIC
LDFLAGS_SERVER = $(patsubst -pie,-static-pie,$(LDFLAGS))
else
LDFLAGS_SERVER = $(LDFLAGS)
endif
# Processes that a client may take over, for tests/e2e/takeover.bats. What has this mark is never installed.
TAKEOVER_MARK := SALLYPORT-TAKEOVER-VARIANT
ifeq ($(VARIANT),takeover)
CPPFLAGS    += -DSALLYPORT_TAKEOVER
TAKEOVER_SRC := $(wildcard tests/takeover/*.c)
ifneq ($(filter install dist deb deb-test,$(MAKECMDGOALS)),)
$(error VARIANT=takeover has hostile processes for tests: it is never installed or packed)
endif
endif
override CFLAGS += -std=gnu11 $(WARNINGS) $(HARDENING)
override LDFLAGS += $(LDHARDENING) -Wl,--as-needed
# ld.so maps libraries in this order: those that sessions have come first, next to one another, so that they share page tables
LDLIBS_DAEMON := -lc -lcap-ng -lz -lcrypt -lssl -lcrypto -lseccomp -lconfuse -ljansson
# PAM where its header is; PAM=no leaves it out
PAM         ?= $(if $(shell echo '\#include <security/pam_appl.h>' | $(CC) $(CPPFLAGS) -E - 2>/dev/null),yes,no)
ifeq ($(PAM),yes)
CPPFLAGS    += -DSALLYPORT_PAM
LDLIBS_DAEMON += -lpam
endif
# Accounts in PostgreSQL where libpq is; STORE=no leaves its two programs out
PKG_CONFIG  ?= $(or $(shell command -v $(TARGET)-pkg-config),pkg-config)
PQ_CFLAGS   := $(shell $(PKG_CONFIG) --cflags libpq 2>/dev/null)
PQ_LIBS     := $(shell $(PKG_CONFIG) --libs libpq 2>/dev/null)
STORE       ?= $(if $(PQ_LIBS),$(if $(shell echo '\#include <libpq-fe.h>' | $(CC) $(CPPFLAGS) $(PQ_CFLAGS) -E - 2>/dev/null),yes,no),no)
LDLIBS_STORE := $(PQ_LIBS) $(LDLIBS_DAEMON)
LDLIBS_CLIENT := -ledit -ljansson -lssl -lcrypto -lz -lpthread
LDLIBS_CTL  := -lconfuse -ljansson -lcrypt -lcrypto -lseccomp -lcap-ng

Q           := $(if $(filter 1,$(V)),,@)

SHARED_SRC  := $(wildcard common/*.c config/*.c accounts/*.c trusted/*.c)
DAEMON_SRC  := $(filter-out privsep/broker/%,$(wildcard privsep/*/*.c daemon/*/*.c))
CTL_SRC     := $(wildcard admin/*.c)
CLIENT_SRC  := $(wildcard client/*.c client/*/*.c)
# Of the two programs with libpq, and of no other: what both have, and each one's own
STORE_SRC   := $(wildcard store/*.c store/tool/*.c)
BROKER_SRC  := $(wildcard privsep/broker/*.c)
MAINS       := daemon/master/main.c admin/main.c client/main.c store/tool/main.c privsep/broker/main.c
LIB_SRC     := $(filter-out $(MAINS),$(SHARED_SRC) $(DAEMON_SRC) $(CTL_SRC)) $(TAKEOVER_SRC)
# without libpq there is nothing to test of what needs it
OF_STORE    := tests/unit/test_store_%.c tests/unit/test_broker_%.c tests/fuzz/fuzz_store_%.c tests/fuzz/fuzz_broker_%.c
without_store = $(if $(filter yes,$(STORE)),$(1),$(filter-out $(OF_STORE),$(1)))
UNIT_SRC    := $(call without_store,$(wildcard tests/unit/test_*.c))
HELPER_SRC  := $(wildcard tests/helpers/*.c)
PRELOAD_SRC := $(wildcard tests/preload/*.c)

LIB_OBJ     := $(LIB_SRC:%.c=$(B)/%.o)
CLIENT_OBJ  := $(patsubst %.c,$(B)/%.o,$(filter-out client/main.c,$(CLIENT_SRC)))
SERVER_PROGRAMS := $(B)/sallyportd $(B)/sallyportctl
STORE_OBJ   := $(patsubst %.c,$(B)/%.o,$(filter-out $(MAINS),$(STORE_SRC) $(BROKER_SRC)))
ifeq ($(STORE),yes)
STORE_PROGRAMS := $(if $(wildcard store/tool/main.c),$(B)/sallyport-store) $(if $(wildcard privsep/broker/main.c),$(B)/sallyport-broker)
STORE_LIB   := $(B)/libsallyport-store.a
endif
PROGRAMS    := $(SERVER_PROGRAMS) $(B)/sallyport $(STORE_PROGRAMS)
UNIT_BIN    := $(UNIT_SRC:%.c=$(B)/%)
HELPER_BIN  := $(HELPER_SRC:%.c=$(B)/%)
PRELOAD_LIB := $(PRELOAD_SRC:%.c=$(B)/%.so)
FUZZ_SRC    := $(call without_store,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_BIN    := $(FUZZ_SRC:%.c=$(B)/%)
REPLAY_SRC  := tests/fuzz/replay.c
REPLAY_BIN  := $(FUZZ_SRC:tests/fuzz/fuzz_%.c=$(B)/tests/fuzz/replay_%)
OBJS        := $(LIB_OBJ) $(CLIENT_OBJ) $(STORE_OBJ) $(MAINS:%.c=$(B)/%.o) $(UNIT_SRC:%.c=$(B)/%.o) $(HELPER_SRC:%.c=$(B)/%.o) $(FUZZ_SRC:%.c=$(B)/%.o) $(REPLAY_SRC:%.c=$(B)/%.o)

.PHONY: all programs test-programs fuzz-programs clean help FORCE
.SECONDARY:
all: programs

# What is compiled in and linked, from the command line and the environment. When it changes, the file
# does, and all is built again: "make" and then "make SYSCONFDIR=/opt/etc" is a program for /opt/etc.
FLAGS       := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(LDLIBS_DAEMON) $(LDLIBS_CTL) $(LDLIBS_CLIENT) $(STORE) $(PQ_CFLAGS) $(PQ_LIBS)
FLAGS_BUILT := $(file <$(B)/flags)
$(B)/flags: $(if $(and $(findstring <$(FLAGS)>,<$(FLAGS_BUILT)>),$(findstring <$(FLAGS_BUILT)>,<$(FLAGS)>)),,FORCE)
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(subst ','\'',$(FLAGS))' >$@

## programs: build the programs (the default)
programs: $(PROGRAMS)

# A processor that the allow-lists do not know is refused once, before the first file
$(B)/target: common/target.h Makefile $(B)/flags
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -E -o $@ $<

$(B)/%.o: %.c Makefile VERSION $(B)/flags | $(B)/target
	$(if $(Q),@echo "  CC    $<")
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# libpq's headers are on the way of its own programs alone
$(B)/store/%.o $(B)/privsep/broker/%.o: CPPFLAGS += $(PQ_CFLAGS)

# what the assembler includes, no compiler lists
$(B)/store/tool/schema.o: $(wildcard store/*.sql)
$(B)/privsep/metrics/page_assets.o: privsep/metrics/page.css privsep/metrics/page.js

$(B)/libsallyport.a: $(LIB_OBJ)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(LIB_OBJ)

$(B)/libsallyport-client.a: $(CLIENT_OBJ)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(CLIENT_OBJ)

$(B)/sallyportd: $(B)/daemon/master/main.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_SERVER) -o $@ $^ $(LDLIBS_DAEMON)

$(B)/sallyportctl: $(B)/admin/main.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS_SERVER) -o $@ $^ $(LDLIBS_CTL)

$(B)/sallyport: $(B)/client/main.o $(B)/libsallyport-client.a $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_CLIENT)

$(B)/libsallyport-store.a: $(STORE_OBJ)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $(STORE_OBJ)

$(B)/sallyport-store: $(B)/store/tool/main.o $(B)/libsallyport-store.a $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_STORE)

$(B)/sallyport-broker: $(B)/privsep/broker/main.o $(B)/libsallyport-store.a $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_STORE)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libsallyport-client.a $(STORE_LIB) $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_STORE) -lcmocka

$(B)/tests/helpers/%: $(B)/tests/helpers/%.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_DAEMON)

$(B)/tests/fuzz/replay_%: $(B)/tests/fuzz/fuzz_%.o $(B)/tests/fuzz/replay.o $(B)/libsallyport-client.a $(STORE_LIB) $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_STORE) -lpthread

$(B)/tests/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(B)/libsallyport-client.a $(STORE_LIB) $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS_STORE)

$(B)/tests/preload/%.so: tests/preload/%.c Makefile $(B)/flags
	$(if $(Q),@echo "  LD    $@")
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -shared -o $@ $<

test-programs: $(UNIT_BIN) $(HELPER_BIN) $(PRELOAD_LIB) $(REPLAY_BIN)
fuzz-programs: $(FUZZ_BIN)

# --- run -------------------------------------------------------------------------------------

.PHONY: demo test unit e2e many-files compare-migrated test-cluster vm-test asan takeover fuzz lint
FUZZ_SECONDS ?= 20

## demo: serve 127.0.0.1:2121 with a throw-away account until Ctrl-C (root; installs what is missing)
demo:
	$(Q)scripts/demo

## test: unit and end-to-end tests (root; installs what is missing)
test:
	$(Q)scripts/test

## unit: unit tests alone
unit: programs test-programs
	$(Q)scripts/run-tests $(B) unit

## e2e: end-to-end tests alone (root)
e2e: programs test-programs takeover
	$(Q)scripts/run-tests $(B) e2e

## many-files: counts of a home with a million files, for its quota, beside its sessions (root; two minutes)
many-files: programs
	$(Q)QUOTA_FILES=$${QUOTA_FILES:-1000000} scripts/run-tests $(B) tests/e2e/quota-many.bats

## compare-migrated: what "sallyportctl migrate" makes of other servers' configurations beside them, all clauses (root; ten minutes)
compare-migrated: programs
	$(Q)MIGRATED_CLAUSES=. scripts/run-tests $(B) tests/e2e/migrated.bats

## test-cluster: the long forms of the tests of several nodes, which tests/cluster/README.md lists (root; an hour)
test-cluster: programs test-programs
	$(Q)LEDGER_WALKS=$${LEDGER_WALKS:-3000} $(B)/tests/unit/test_ledger_walk
	$(Q)STORE_LONG=1 SHARES_WALKS=$${SHARES_WALKS:-300} SHARES_KILLS=$${SHARES_KILLS:-100} \
		SHARES_LOGINS=$${SHARES_LOGINS:-1000} \
		scripts/run-tests $(B) tests/e2e/shares.bats tests/e2e/shares-broker.bats tests/e2e/shares-nodes.bats \
		tests/e2e/store-database.bats tests/e2e/store-login.bats tests/e2e/store-many.bats

## vm-test: boot Debian with its systemd in an emulated machine, install the packages, run tests/vm (root)
vm-test:
	$(Q)scripts/vm-test

## asan: unit and end-to-end tests in a build with AddressSanitizer and UndefinedBehaviorSanitizer (root; 45 minutes)
asan:
	$(Q)$(MAKE) --no-print-directory VARIANT=asan WERROR=1 programs test-programs
	$(Q)scripts/run-tests build/asan unit e2e

## takeover: the server with hostile processes, for tests/e2e/takeover.bats; never for use
takeover:
	$(Q)$(MAKE) --no-print-directory VARIANT=takeover build/takeover/sallyportd build/takeover/tests/helpers/fake_broker \
		$(if $(filter yes,$(STORE)),build/takeover/sallyport-broker)

## fuzz: each fuzzer for FUZZ_SECONDS (20), from its seeds; needs clang ("make unit" replays the seeds, and some chance, without)
fuzz:
	$(Q)$(MAKE) --no-print-directory VARIANT=fuzz fuzz-programs
	$(Q)for source in $(FUZZ_SRC); do \
		name=$$(basename $$source .c); name=$${name#fuzz_}; \
		corpus=build/fuzz/corpus/$$name; \
		mkdir -p $$corpus tests/fuzz/seeds/$$name || exit 1; \
		echo "  FUZZ  $$name"; \
		build/fuzz/tests/fuzz/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
			-print_final_stats=0 -verbosity=0 -artifact_prefix=$$corpus/../$$name- \
			$$(ls tests/fuzz/dictionaries/$$name.dict 2>/dev/null | sed 's/^/-dict=/') \
			$$corpus tests/fuzz/seeds/$$name || exit 1; \
	done

.PHONY: bench bench-growth bench-mirror bench-store bench-client
## bench: compare with other servers, in clear and over TLS (root; half an hour; see tests/bench/README.md)
bench: programs
	$(Q)tests/bench/run

## bench-growth: what sessions, directories and accounts cost as they become more (root; four minutes)
bench-growth: programs
	$(Q)BUILD=$(abspath $(B)) tests/bench/growth

## bench-mirror: 2000 anonymous sessions of a mirror site, and 200 new ones a second (root; two minutes, 2 GiB)
bench-mirror: programs
	$(Q)BUILD=$(abspath $(B)) MIRROR_SESSIONS=$${MIRROR_SESSIONS:-2000} MIRROR_RATE=$${MIRROR_RATE:-200} \
		MIRROR_SECONDS=$${MIRROR_SECONDS:-30} tests/bench/growth mirror

## bench-store: what a million accounts in PostgreSQL cost, and the shares of their quotas (root; twenty minutes)
bench-store: programs test-programs
	$(Q)BUILD=$(abspath $(B)) tests/bench/store

## bench-client: compare sallyport with lftp, curl, rclone and ncftp (root; an hour; see tests/bench/README.md)
bench-client: programs
	$(Q)BUILD=$(abspath $(B)) tests/bench/clients

# --- lint ------------------------------------------------------------------------------------

SOURCES     := $(SHARED_SRC) $(DAEMON_SRC) $(CTL_SRC) $(CLIENT_SRC) $(STORE_SRC) $(BROKER_SRC) $(UNIT_SRC) $(HELPER_SRC) $(PRELOAD_SRC) $(FUZZ_SRC) $(REPLAY_SRC) \
               $(wildcard tests/takeover/*.c)
# what is laid out, but not analysed by itself
HEADERS     := $(wildcard $(sort $(addsuffix *.h,$(dir $(SOURCES)))) tests/bench/*.c)
SHELL_FILES := tests/bench/run tests/bench/get-peers tests/bench/store $(wildcard scripts/* etc/init.d/* .ci/run tests/portability/* packaging/arch/PKGBUILD packaging/*/*.install packaging/alpine/*.p*-* packaging/alpine/APKBUILD debian/*.postinst debian/*.postrm debian/*.prerm debian/*.needrestart debian/tests/tls-login tests/vm/machine/image tests/vm/machine/agent)
SHELL_FILES := $(filter-out scripts/check-prose,$(SHELL_FILES))
BATS_FILES  := $(wildcard tests/e2e/*.bats tests/e2e/*.bash tests/vm/*.bats tests/vm/*.bash)

.PHONY: format
## format: let clang-format write the layout (look at the difference before you commit)
format:
	$(Q)scripts/check-format -w $(SOURCES) $(HEADERS)

# The tools that it runs: LINT_TOOLS="cppcheck mandoc" for some of them; nm and awk for the rules of the tree
LINT_TOOLS  ?= nm awk clang-format cppcheck clang-tidy shellcheck mandoc

## lint: walls, names, circles of calls, clang-format, cppcheck, clang-tidy, shellcheck, mandoc; skips what is not installed (LINT_TOOLS)
lint: programs
	$(Q)passed=0 failed=0 skipped=0; \
	run() { \
		tool=$$1; shift; \
		case " $(LINT_TOOLS) " in *" $$tool "*) ;; *) return ;; esac; \
		if ! command -v $$tool >/dev/null; then \
			echo "  LINT  $$tool is not installed"; skipped=$$((skipped + 1)); return; \
		fi; \
		echo "  LINT  $$tool"; "$$@"; \
		case $$? in 0) passed=$$((passed + 1)) ;; 77) skipped=$$((skipped + 1)) ;; *) failed=$$((failed + 1)) ;; esac; \
	}; \
	run nm scripts/check-circles $(B); \
	run awk scripts/check-walls; \
	run awk scripts/check-names; \
	run clang-format scripts/check-format $(SOURCES) $(HEADERS); \
	run cppcheck cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
		--suppress=missingIncludeSystem --suppress=unknownMacro --suppress=normalCheckLevelMaxBranches -I. -D_GNU_SOURCE -D__linux__ -D__LP64__ -D__x86_64__ $(SOURCES); \
	run clang-tidy clang-tidy --quiet --warnings-as-errors='*' $(SOURCES) -- $(CPPFLAGS) $(PQ_CFLAGS) -std=gnu11; \
	run shellcheck shellcheck $(SHELL_FILES); \
	run shellcheck shellcheck --shell=bash $(BATS_FILES) $(wildcard etc/bash-completion/*); \
	run mandoc mandoc -Tlint -Wwarning $(wildcard man/*.[1-8]); \
	echo "$$passed passed, $$failed failed, $$skipped skipped"; \
	[ $$failed -eq 0 ]

# --- install ---------------------------------------------------------------------------------

BINDIR      ?= $(PREFIX)/bin
SBINDIR     ?= $(PREFIX)/sbin
MANDIR      ?= $(PREFIX)/share/man
# systemd reads /usr/lib and /usr/local/lib; another PREFIX wants LIBDIR=/usr/lib
LIBDIR      ?= $(PREFIX)/lib
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHCOMPLETIONDIR ?= $(PREFIX)/share/zsh/site-functions
FISHCOMPLETIONDIR ?= $(PREFIX)/share/fish/vendor_completions.d
SHAREDIR    ?= $(PREFIX)/share/sallyport
# Debian's; those of other families lie in packaging
PAM_FILE    ?= etc/pam.d/sallyport
MAN_PAGES   := $(filter-out $(if $(filter yes,$(STORE)),,sallyport-store.conf.5),$(notdir $(wildcard man/*.[1-8])))
# The files of etc/ name the default places; this puts those of this installation there.
PLACES      := sed -e 's|/usr/local/sbin|$(SBINDIR)|g' -e 's|/usr/local/libexec|$(LIBEXECDIR)|g' -e 's|/etc/|$(SYSCONFDIR)/|g' -e 's|/run/sallyport|$(RUNDIR)/sallyport|g' \
               -e 's|/var/lib/|$(LOCALSTATEDIR)/lib/|g' -e 's|/var/log/|$(LOCALSTATEDIR)/log/|g'
# The unit of one server of several: its own configuration and its own directories, all else as the unit of the only one.
INSTANCE    := sed -e 's|^Description=.*|& (%i)|' -e 's|/sallyport/sallyport\.conf|/sallyport/%i.conf|g' \
               -e 's/^\(Runtime\|State\|Logs\)Directory=sallyport$$/&-%i/'
UNITS       := sallyportd.service sallyportd@.service sallyportd.socket
man_path     = $(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(1)))/$(1)

.PHONY: install uninstall
## install: programs, man pages, service files, and a configuration where there is none (PREFIX, SYSCONFDIR, DESTDIR)
install: programs
	$(Q)! grep -qa $(TAKEOVER_MARK) $(SERVER_PROGRAMS) $(STORE_PROGRAMS) || { echo "install: $(B) has hostile processes for tests" >&2; exit 1; }
	$(Q)install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(SBINDIR) $(DESTDIR)$(SYSCONFDIR)/sallyport $(DESTDIR)$(SYSCONFDIR)/init.d \
		$(DESTDIR)$(SYSCONFDIR)/default $(DESTDIR)$(SYSCONFDIR)/logrotate.d $(DESTDIR)$(LIBDIR)/systemd/system \
		$(DESTDIR)$(LIBDIR)/sysusers.d $(DESTDIR)$(LIBDIR)/tmpfiles.d $(DESTDIR)$(COMPLETIONDIR) \
		$(DESTDIR)$(SYSCONFDIR)/fail2ban/filter.d $(DESTDIR)$(SYSCONFDIR)/fail2ban/jail.d
	$(Q)install -m 755 $(SERVER_PROGRAMS) $(DESTDIR)$(SBINDIR)/
	$(Q)install -m 755 $(B)/sallyport $(DESTDIR)$(BINDIR)/
ifeq ($(STORE),yes)
	$(Q)install -d $(DESTDIR)$(LIBEXECDIR)/sallyport
	$(Q)install -m 755 $(STORE_PROGRAMS) $(DESTDIR)$(LIBEXECDIR)/sallyport/
	$(Q)install -d -m 750 $(DESTDIR)$(SYSCONFDIR)/sallyport/store
	$(Q)$(PLACES) etc/sysusers.d/sallyport-broker.conf >$(DESTDIR)$(LIBDIR)/sysusers.d/sallyport-broker.conf
	$(Q)chmod 644 $(DESTDIR)$(LIBDIR)/sysusers.d/sallyport-broker.conf
endif
	$(Q)for page in $(MAN_PAGES); do \
		install -D -m 644 man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page || exit 1; \
	done
	$(Q)install -m 644 $(wildcard etc/bash-completion/*) $(DESTDIR)$(COMPLETIONDIR)/
	$(Q)install -D -m 644 etc/zsh-completion/_sallyport $(DESTDIR)$(ZSHCOMPLETIONDIR)/_sallyport
	$(Q)install -D -m 644 etc/fish-completion/sallyport.fish $(DESTDIR)$(FISHCOMPLETIONDIR)/sallyport.fish
	$(Q)install -D -m 644 etc/sallyport-events.schema.json $(DESTDIR)$(SHAREDIR)/events.schema.json
ifeq ($(PAM),yes)
	$(Q)install -d $(DESTDIR)$(SYSCONFDIR)/pam.d
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/pam.d/sallyport ] || \
		install -m 644 $(PAM_FILE) $(DESTDIR)$(SYSCONFDIR)/pam.d/sallyport
endif
	$(Q)install -m 644 etc/fail2ban/filter.d/sallyport.conf $(DESTDIR)$(SYSCONFDIR)/fail2ban/filter.d/
	$(Q)install -m 644 etc/fail2ban/jail.d/sallyport.conf $(DESTDIR)$(SYSCONFDIR)/fail2ban/jail.d/
	$(Q)$(PLACES) etc/init.d/sallyportd >$(DESTDIR)$(SYSCONFDIR)/init.d/sallyportd
	$(Q)chmod 755 $(DESTDIR)$(SYSCONFDIR)/init.d/sallyportd
	$(Q)$(PLACES) etc/systemd/sallyportd.service >$(DESTDIR)$(LIBDIR)/systemd/system/sallyportd.service
	$(Q)$(INSTANCE) etc/systemd/sallyportd.service | $(PLACES) >$(DESTDIR)$(LIBDIR)/systemd/system/sallyportd@.service
	$(Q)cp etc/systemd/sallyportd.socket $(DESTDIR)$(LIBDIR)/systemd/system/sallyportd.socket
	$(Q)$(PLACES) etc/sysusers.d/sallyport.conf >$(DESTDIR)$(LIBDIR)/sysusers.d/sallyport.conf
	$(Q)$(PLACES) etc/tmpfiles.d/sallyport.conf >$(DESTDIR)$(LIBDIR)/tmpfiles.d/sallyport.conf
	$(Q)$(PLACES) etc/logrotate.d/sallyport >$(DESTDIR)$(SYSCONFDIR)/logrotate.d/sallyport
	$(Q)chmod 644 $(UNITS:%=$(DESTDIR)$(LIBDIR)/systemd/system/%) $(DESTDIR)$(LIBDIR)/sysusers.d/sallyport.conf \
		$(DESTDIR)$(LIBDIR)/tmpfiles.d/sallyport.conf $(DESTDIR)$(SYSCONFDIR)/logrotate.d/sallyport
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/default/sallyportd ] || { \
		$(PLACES) etc/default/sallyportd >$(DESTDIR)$(SYSCONFDIR)/default/sallyportd && \
		chmod 644 $(DESTDIR)$(SYSCONFDIR)/default/sallyportd; }
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/sallyport/sallyport.conf ] || { \
		$(PLACES) etc/sallyport.conf >$(DESTDIR)$(SYSCONFDIR)/sallyport/sallyport.conf && \
		chmod 644 $(DESTDIR)$(SYSCONFDIR)/sallyport/sallyport.conf; }
	$(Q)[ -e $(DESTDIR)$(SYSCONFDIR)/sallyport/users ] || \
		install -m 600 /dev/null $(DESTDIR)$(SYSCONFDIR)/sallyport/users

## uninstall: removes what install placed; configuration and accounts stay
uninstall:
	$(Q)rm -f $(foreach program,$(SERVER_PROGRAMS),$(DESTDIR)$(SBINDIR)/$(notdir $(program))) $(DESTDIR)$(BINDIR)/sallyport \
		$(foreach program,sallyport-store sallyport-broker,$(DESTDIR)$(LIBEXECDIR)/sallyport/$(program)) \
		$(foreach page,$(MAN_PAGES),$(call man_path,$(page))) \
		$(DESTDIR)$(SYSCONFDIR)/init.d/sallyportd $(DESTDIR)$(SYSCONFDIR)/logrotate.d/sallyport \
		$(UNITS:%=$(DESTDIR)$(LIBDIR)/systemd/system/%) \
		$(DESTDIR)$(LIBDIR)/sysusers.d/sallyport.conf $(DESTDIR)$(LIBDIR)/tmpfiles.d/sallyport.conf \
		$(DESTDIR)$(LIBDIR)/sysusers.d/sallyport-broker.conf \
		$(patsubst etc/bash-completion/%,$(DESTDIR)$(COMPLETIONDIR)/%,$(wildcard etc/bash-completion/*)) \
		$(DESTDIR)$(ZSHCOMPLETIONDIR)/_sallyport $(DESTDIR)$(FISHCOMPLETIONDIR)/sallyport.fish \
		$(DESTDIR)$(SHAREDIR)/events.schema.json \
		$(DESTDIR)$(SYSCONFDIR)/fail2ban/filter.d/sallyport.conf $(DESTDIR)$(SYSCONFDIR)/fail2ban/jail.d/sallyport.conf
	$(Q)for directory in $(DESTDIR)$(LIBEXECDIR)/sallyport $(DESTDIR)$(SHAREDIR); do \
		[ ! -d $$directory ] || rmdir --ignore-fail-on-non-empty $$directory; done

# --- packages --------------------------------------------------------------------------------

.PHONY: dist deb deb-test image image-test
## dist: build/sallyport-VERSION.tar.gz, the same bytes each time
dist:
	$(Q)scripts/dist $(B)

## deb: Debian packages in build/deb (root installs what is missing)
deb:
	$(Q)scripts/deb

## deb-test: build the packages in a fresh Debian 12 root, and prove their life in another (root, debootstrap)
deb-test:
	$(Q)scripts/package-test

## image: an OCI image of the server in build/image, and its digest
image:
	$(Q)scripts/image

## image-test: build the image twice, compare, and run it in containers (root)
image-test:
	$(Q)scripts/image-test

## clean: remove everything that was built
clean:
	$(Q)rm -rf build

## help: this list
help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST))

-include $(OBJS:.o=.d)
