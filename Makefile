# tripod: `make demo` and `make check` do everything; `make help` lists the targets.
# CFLAGS and LDFLAGS are yours; V=1 shows the commands.
# SPDX-License-Identifier: GPL-3.0-or-later

CC      ?= gcc
CFLAGS  ?= -O2 -g
PREFIX  ?= /usr/local
B       ?= build
PORTABLE = $(B)-portable/tripod
FUZZ_SECONDS ?= 60

TRIPOD_CFLAGS := -std=c11 -D_GNU_SOURCE -I. -fopenmp -ffp-contract=off \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes $(WERROR)
LIBS := -lgsl -lgslcblas -lzstd -ljansson -lutf8proc -lz -lxxhash -lcsv -lnettle -lm

# gcc at -O2 leaves the kernels' tiles rolled (3-4 times slower): these objects need -O3.
SIMD_CFLAGS   ?= -O3 -fno-math-errno -fno-trapping-math
FLAGS_scalar  :=
FLAGS_avx2    := -mavx2 -mfma -mf16c
FLAGS_avx512  := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c

# simd/*.c are compiled once; simd/isa/*.c once per instruction set, as NAME_ISA.o.
ISA_SOURCES := $(wildcard simd/isa/*.c)
SOURCES := $(wildcard src/*.c src/*/*.c models/*.c models/*/*.c fit/*.c simd/*.c bench/*.c)
ISA_OBJECTS := $(foreach isa,scalar avx2 avx512,$(ISA_SOURCES:%.c=$(B)/%_$(isa).o))
OBJECTS := $(SOURCES:%.c=$(B)/%.o) $(ISA_OBJECTS)
LIBRARY := $(filter-out $(B)/src/main.o,$(OBJECTS))
TESTS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/test_*.c))
TESTS += $(B)/tests/kernels
TOOLS := $(patsubst tests/%.c,$(B)/tests/%,$(wildcard tests/golden/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)-fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

Q := $(if $(V),,@)

.PHONY: all portable help deps deps-clang check check-long demo figures demo-suite install uninstall clean asan fuzz fuzz-run format
all: tripod ## build ./tripod (the default)

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

tripod: $(B)/tripod
	$(Q)ln -sf $< $@

$(B)/tripod: $(OBJECTS)
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) -fopenmp $(LDFLAGS) -o $@ $^ $(LIBS)

# One file for any x86-64 Linux: the same objects, all libraries in it; of the C library only what a
# static program can do (no dlopen, hence one object of its own; no iconv, locales, users' names).
portable: $(PORTABLE) ## link one static file, build-portable/tripod, that runs on any x86-64 Linux
$(PORTABLE): $(filter-out $(B)/simd/library.o,$(OBJECTS)) $(B)-portable/library.o
	@echo "  LINK  $@"
	$(Q)$(CC) $(CFLAGS) -fopenmp $(LDFLAGS) -static -s -Wl,--fatal-warnings,--wrap=dlopen,--wrap=dlerror -o $@ $^ $(LIBS)

$(B)-portable/library.o: simd/library.c simd/library.h
	@echo "  CC    $< (static)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TRIPOD_CFLAGS) $(CFLAGS) -DTRIPOD_STATIC -c -o $@ $<

$(B)/%.o: %.c
	@echo "  CC    $<"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TRIPOD_CFLAGS) $(CFLAGS) $(if $(filter simd/% fit/forms% fit/problem% fit/kernel%,$<),$(SIMD_CFLAGS)) -MMD -MP -c -o $@ $<

define isa_rule
$(B)/simd/isa/%_$(1).o: simd/isa/%.c
	@echo "  CC    $$< ($(1))"
	@mkdir -p $$(@D)
	$(Q)$(CC) $(TRIPOD_CFLAGS) $(CFLAGS) $(SIMD_CFLAGS) $(FLAGS_$(1)) -DISA_$(1)=1 -DISA=$(1) -MMD -MP -c -o $$@ $$<
endef
$(foreach isa,scalar avx2 avx512,$(eval $(call isa_rule,$(isa))))

-include $(OBJECTS:.o=.d) $(wildcard $(B)/tests/*.d $(B)/tests/golden/*.d)

deps: ## install what is missing, with apt-get (sudo unless root)
	$(Q)sh tests/deps.sh

deps-clang: ## the same, and what the fuzz targets, a clang build and the tests of pages need
	$(Q)sh tests/deps.sh clang

$(B)/tests/%: tests/%.c $(LIBRARY)
	@echo "  TEST  $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TRIPOD_CFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< $(LIBRARY) -lcmocka $(LIBS)

# What a power cut may leave is played through from what this one, preloaded, writes down.
REPLAY := $(B)/tests/replay/shim.so
$(REPLAY): tests/replay/shim.c
	@echo "  TEST  $@"
	@mkdir -p $(@D)
	$(Q)$(CC) -std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra $(WERROR) -fPIC -shared -o $@ $< -ldl

# The kernel checks are one program of several files: `build/tests/kernels --bench` times them.
KERNEL_CHECKS := $(wildcard tests/kernels/*.c)
$(B)/tests/kernels: $(KERNEL_CHECKS) $(wildcard tests/kernels/*.h) $(LIBRARY)
	@echo "  TEST  $@"
	@mkdir -p $(@D)
	$(Q)$(CC) $(TRIPOD_CFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $(KERNEL_CHECKS) $(LIBRARY) $(LIBS)

# Static archives are gcc's; a program under a sanitizer is never static.
TESTED_PORTABLE := $(if $(findstring clang,$(CC))$(findstring -fsanitize,$(CFLAGS)),,$(PORTABLE))
TEST_ENVIRONMENT = TRIPOD=$(CURDIR)/$(B)/tripod B=$(CURDIR)/$(B) PORTABLE=$(TESTED_PORTABLE:%=$(CURDIR)/%)

check: tripod $(TESTS) $(TOOLS) $(REPLAY) $(TESTED_PORTABLE) ## run the tests; the last line is "N passed, N failed"
	$(Q)$(TEST_ENVIRONMENT) bash tests/run.sh $(TESTS)

check-long: check ## the tests that take minutes: larger models, more fits
	$(Q)$(TEST_ENVIRONMENT) LONG=1 bash tests/run.sh $(TESTS)

# gcc 12's leak checker crashes on the thread-local memory of a library opened late (oneDNN) unless
# it leaves that alone.
asan: ## run the tests under AddressSanitizer and UBSan
	$(Q)ASAN_OPTIONS=$$ASAN_OPTIONS:intercept_tls_get_addr=0 $(MAKE) B=$(B)-asan SIMD_CFLAGS=-O1 \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" check

fuzz: $(FUZZERS) ## build the fuzz targets (clang)
$(B)-fuzz/%: tests/fuzz/%.c $(SOURCES) $(ISA_SOURCES)
	@echo "  FUZZ  $@"
	@mkdir -p $(@D)
	$(Q)$(MAKE) --no-print-directory B=$(B)-fuzz CC=clang \
		CFLAGS="-O1 -g -Wno-pass-failed -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined" fuzz-library
	$(Q)clang $(TRIPOD_CFLAGS) -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-o $@ $< $(LIBRARY:$(B)/%=$(B)-fuzz/%) $(LIBS)
.PHONY: fuzz-library
fuzz-library: $(LIBRARY)

fuzz-run: fuzz ## run every fuzz target for FUZZ_SECONDS (60)
	$(Q)bash tests/fuzz/run.sh $(B)-fuzz $(FUZZ_SECONDS)

demo: ## the main job on the embedded demo suite: losses, a scaling law, figures, a report
	$(Q)$(MAKE) --no-print-directory deps all
	$(Q)TRIPOD=$(CURDIR)/tripod sh models/demo/run.sh

figures: demo ## make the README's figures from the demo suite
	$(Q)TRIPOD=$(CURDIR)/tripod sh models/demo/figures.sh demo-out models/demo

demo-suite: tripod ## train the demo suite again, to the same bytes (minutes; then an evaluation in float64, longer)
	$(Q)TRIPOD=$(CURDIR)/tripod sh models/demo/make_suite.sh

install: all ## install program, manual pages and bash completion into PREFIX (/usr/local)
	install -D -m 755 $(B)/tripod $(DESTDIR)$(PREFIX)/bin/tripod
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(B)/tripod help --man > $(DESTDIR)$(PREFIX)/share/man/man1/tripod.1
	for c in $$($(B)/tripod help --commands); do \
		$(B)/tripod help --man $$c > $(DESTDIR)$(PREFIX)/share/man/man1/tripod-$$c.1 || exit 1; done
	$(B)/tripod help --completion > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tripod

uninstall: ## remove what install installed
	rm -f $(DESTDIR)$(PREFIX)/bin/tripod $(DESTDIR)$(PREFIX)/share/man/man1/tripod.1 \
		$(DESTDIR)$(PREFIX)/share/man/man1/tripod-*.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tripod

format: ## clang-format the sources
	clang-format -i $(wildcard $(foreach d,src models fit simd bench tests,$(d)/*.[ch] $(d)/*/*.[ch]))

clean: ## remove what was built
	rm -rf $(B) $(B)-asan $(B)-fuzz $(B)-portable tripod demo-out demo-suite
