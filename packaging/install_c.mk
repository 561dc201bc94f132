# Installs the C library for other programs: static and shared library, header and pkg-config
# file. docs/c_interface.md documents its use.
#
#     make install-c PREFIX=/usr/local DESTDIR= CC=cc CFLAGS=-O2 LDFLAGS=
#
# PREFIX is the folder of the installed files, DESTDIR a folder that replaces the root while a
# package is built. Flags that keep results equal to the bit come after CFLAGS. Warnings are
# not errors here, since unknown compilers have other warnings.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKGCONFIGDIR ?= $(LIBDIR)/pkgconfig
INSTALL ?= install
CFLAGS ?= -O2
C_INSTALL_OUT ?= build/c/install
C_SYSTEM ?= $(shell uname -s)

C_VERSION := $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
C_MAJOR := $(word 1,$(subst ., ,$(C_VERSION)))
C_MINOR := $(word 2,$(subst ., ,$(C_VERSION)))
# Version of the binary interface, which a linked program stores: the minor version before
# 1.0, the major version from 1.0 on.
C_ABI := $(if $(filter 0,$(C_MAJOR)),0.$(C_MINOR),$(C_MAJOR))

ifeq ($(C_SYSTEM),Darwin)
C_SHARED_FILE := libpybackprop.$(C_VERSION).dylib
C_SHARED_ABI := libpybackprop.$(C_ABI).dylib
C_SHARED_LINK := libpybackprop.dylib
C_SHARED_FLAGS = -dynamiclib -install_name $(LIBDIR)/$(C_SHARED_ABI) \
    -compatibility_version $(C_ABI) -current_version $(C_VERSION)
else
C_SHARED_FILE := libpybackprop.so.$(C_VERSION)
C_SHARED_ABI := libpybackprop.so.$(C_ABI)
C_SHARED_LINK := libpybackprop.so
C_SHARED_FLAGS = -shared -Wl,-soname,$(C_SHARED_ABI) -Wl,-z,defs
endif

# Negates each part of -ffast-math, as setup.py does: -fno-fast-math does not negate a part
# that was given by itself.
C_INSTALL_FLAGS := -Wno-error -fno-unsafe-math-optimizations \
    -fno-associative-math -fno-reciprocal-math -fno-finite-math-only -fsigned-zeros

C_INSTALLED = $(INCLUDEDIR)/pybackprop.h $(PKGCONFIGDIR)/pybackprop.pc \
    $(addprefix $(LIBDIR)/,libpybackprop.a $(C_SHARED_FILE) $(C_SHARED_ABI) $(C_SHARED_LINK))

.PHONY: install-c uninstall-c c-installable

install-c: ## Install the C library: PREFIX=/usr/local DESTDIR= CC= CFLAGS=
	@$(MAKE) --no-print-directory c-installable C_OUT=$(C_INSTALL_OUT) \
	    C_OPTIMIZE="$(CFLAGS)" C_EXTRA="$(C_INSTALL_FLAGS)"
	$(INSTALL) -d "$(DESTDIR)$(INCLUDEDIR)" "$(DESTDIR)$(LIBDIR)" "$(DESTDIR)$(PKGCONFIGDIR)"
	$(INSTALL) -m 644 csrc/pybackprop.h "$(DESTDIR)$(INCLUDEDIR)"
	$(INSTALL) -m 644 $(C_INSTALL_OUT)/libpybackprop.a "$(DESTDIR)$(LIBDIR)"
	$(INSTALL) -m 755 $(C_INSTALL_OUT)/$(C_SHARED_FILE) "$(DESTDIR)$(LIBDIR)"
	ln -sf $(C_SHARED_FILE) "$(DESTDIR)$(LIBDIR)/$(C_SHARED_ABI)"
	ln -sf $(C_SHARED_ABI) "$(DESTDIR)$(LIBDIR)/$(C_SHARED_LINK)"
	sed -e 's|@prefix@|$(PREFIX)|' -e 's|@version@|$(C_VERSION)|' \
	    -e 's|@libdir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(LIBDIR))|' \
	    -e 's|@includedir@|$(patsubst $(PREFIX)/%,$${prefix}/%,$(INCLUDEDIR))|' \
	    packaging/pybackprop.pc.in >"$(DESTDIR)$(PKGCONFIGDIR)/pybackprop.pc"
	chmod 644 "$(DESTDIR)$(PKGCONFIGDIR)/pybackprop.pc"

uninstall-c: ## Remove the files of install-c; same PREFIX and DESTDIR
	rm -f $(foreach file,$(C_INSTALLED),"$(DESTDIR)$(file)")

c-installable: $(C_LIBRARY) $(C_OUT)/$(C_SHARED_FILE)

$(C_OUT)/$(C_SHARED_FILE): $(C_OBJECTS)
	@$(CC) $(C_FLAGS) $(C_SHARED_FLAGS) $^ -o $@ $(LDFLAGS) -lm -lpthread $(C_LINK)
