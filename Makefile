# sallyport: see README.md. "make V=1" shows the commands; "make help" lists the targets.
VERSION     := 0.1.0
PREFIX      ?= /usr/local
SYSCONFDIR  ?= /etc
LOCALSTATEDIR ?= /var
RUNDIR      ?= /run
DESTDIR     ?=
VARIANT     ?= release
B           := $(if $(filter release,$(VARIANT)),build,build/$(VARIANT))

CC          ?= cc
PKG         := libseccomp libconfuse libcap-ng jansson openssl zlib libcrypt
CPPFLAGS    += -D_GNU_SOURCE -I. -DSALLYPORT_VERSION='"$(VERSION)"' -DSYSCONFDIR='"$(SYSCONFDIR)"' \
               -DLOCALSTATEDIR='"$(LOCALSTATEDIR)"' -DRUNDIR='"$(RUNDIR)"' -DOPENSSL_API_COMPAT=30000 -DOPENSSL_NO_DEPRECATED
WARNINGS    := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings \
               -Wvla -Wformat=2 -Wswitch-enum -Wundef
# Developers set WERROR=1 (scripts/test does); packagers are not stopped by a new compiler's warning.
WARNINGS    += $(if $(filter 1,$(WERROR)),-Werror)
HARDENING   := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
LDHARDENING := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code

ifeq ($(VARIANT),asan)
CPPFLAGS    += -DSALLYPORT_SANITIZE
CFLAGS      ?= -O1 -g
CFLAGS      += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
LDFLAGS     += -fsanitize=address,undefined
else
CPPFLAGS    += -D_FORTIFY_SOURCE=2
CFLAGS      ?= -O2 -g
endif
CFLAGS      += -std=gnu11 $(WARNINGS) $(HARDENING)
LDFLAGS     += $(LDHARDENING) -Wl,--as-needed
LDLIBS_DAEMON := -lseccomp -lconfuse -lcap-ng -ljansson -lssl -lcrypto -lz -lcrypt
LDLIBS_CTL  := -lconfuse -ljansson -lcrypt -lcrypto

Q           := $(if $(filter 1,$(V)),,@)

SHARED_SRC  := $(wildcard common/*.c config/*.c accounts/*.c)
DAEMON_SRC  := $(wildcard privsep/*/*.c daemon/*/*.c)
CTL_SRC     := $(wildcard admin/*.c)
MAINS       := daemon/master/main.c admin/main.c
LIB_SRC     := $(filter-out $(MAINS),$(SHARED_SRC) $(DAEMON_SRC) $(CTL_SRC))
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
HELPER_SRC  := $(wildcard tests/helpers/*.c)

LIB_OBJ     := $(LIB_SRC:%.c=$(B)/%.o)
PROGRAMS    := $(B)/sallyportd $(B)/sallyportctl
UNIT_BIN    := $(UNIT_SRC:%.c=$(B)/%)
HELPER_BIN  := $(HELPER_SRC:%.c=$(B)/%)
OBJS        := $(LIB_OBJ) $(MAINS:%.c=$(B)/%.o) $(UNIT_SRC:%.c=$(B)/%.o) $(HELPER_SRC:%.c=$(B)/%.o)

.PHONY: all help clean programs test-programs
.SECONDARY:
all: $(PROGRAMS)

$(B)/%.o: %.c Makefile
	$(if $(Q),@echo "  CC    $<")
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libsallyport.a: $(LIB_OBJ)
	$(if $(Q),@echo "  AR    $@")
	$(Q)rm -f $@
	$(Q)ar rcs $@ $(LIB_OBJ)

$(B)/sallyportd: $(B)/daemon/master/main.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_DAEMON)

$(B)/sallyportctl: $(B)/admin/main.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_CTL)

$(B)/tests/unit/%: $(B)/tests/unit/%.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_DAEMON) -lcmocka

$(B)/tests/helpers/%: $(B)/tests/helpers/%.o $(B)/libsallyport.a
	$(if $(Q),@echo "  LD    $@")
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS_DAEMON)

test-programs: $(UNIT_BIN) $(HELPER_BIN)

clean:
	$(Q)rm -rf build

-include $(OBJS:.o=.d)
