/* harness.c - runs the checks of every kernel in the list, every table this machine can run.
 *
 *   kernels [--bench] [--seed N] [--filter NAME]
 *
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/kernels/harness.h"
#include "simd/amx.h"
#include "simd/peak.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

bool bench;
int tables;
const struct kernels *table[SIMD_ISAS];

static struct {
    const char *name;
    void (*run)(void);
} const checks[] = {
#define ONE_CHECK(type, name) {#name, check_##name},
    KERNEL_LIST(ONE_CHECK)
#undef ONE_CHECK
};

/* Of the check that is running, per instruction set. */
static struct seen {
    int failures;
    double worst_ulps, of_bound; /* largest error in ULP of its scale; largest share of its bound */
    char worst_case[256], bound_case[256];
} seen[SIMD_ISAS];
static char description[256];
static volatile int current; /* the table being called, -1: none */
static sigjmp_buf crashed;

/* ---- random numbers: SplitMix64 (Steele et al. 2014) --------------------------------------- */

static uint64_t state;

uint64_t random_bits(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

size_t random_below(size_t n)
{
    return (size_t)(random_bits() % n);
}

float random_between(float low, float high)
{
    return low + (high - low) * (float)((double)(random_bits() >> 11) * 0x1p-53);
}

float random_special(bool with_nonfinite)
{
    static const float list[] = {
        0.0f,
        -0.0f,
        0x1p-149f,
        -0x1p-149f,
        0x1.fffffcp-127f,
        FLT_MIN,
        -FLT_MIN,
        FLT_MAX,
        -FLT_MAX,
        1.0f,
        -1.0f,
        0x1.000002p0f,
        65504.0f,
        65519.996f,
        65520.0f,
        -65520.0f,
        0x1p-14f,
        0x1.ff8p-15f,
        0x1p-24f,
        0x1p-25f,
        0x1.000002p-25f,
        0x1.01p0f,
        0x1.03p0f,
        0x1.002p0f,
        0x1.006p0f,
        88.722839f,
        88.7229f,
        -87.3366f,
        -103.97f,
        -104.0f,
        -1e30f,
        1e30f,
        0.5f,
        -0.5f,
        0.55f,
        0.95f,
        -14.5f,
        14.5f,
        4.0f,
        -4.0f,
        1e-20f,
        -1e-20f,
        INFINITY,
        -INFINITY,
        NAN,
    };
    size_t n = sizeof list / sizeof list[0];
    return list[random_below(with_nonfinite ? n : n - 3)];
}

/* --- guarded memory --- */

enum { PAGE = 4096, REGIONS = 64 };
static struct {
    char *base;
    size_t size;
} regions[REGIONS];
static int region_count;

void *guarded(size_t bytes, bool at_end)
{
    size_t inner = (bytes + PAGE - 1) / PAGE * PAGE, size = inner + 2 * PAGE;
    char *p = MAP_FAILED;
    if (region_count < REGIONS) {
        if (bench) /* on huge pages, as the program has it */
            p = simd_alloc(size);
        else
            p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (p == MAP_FAILED || !p ||
        (!bench && inner && mprotect(p + PAGE, inner, PROT_READ | PROT_WRITE) != 0)) {
        fprintf(stderr, "kernels: no memory for a guarded buffer of %zu bytes\n", bytes);
        exit(2);
    }
    regions[region_count].base = p;
    regions[region_count++].size = size;
    if (inner) memset(p + PAGE, 0xff, inner);
    return p + PAGE + (at_end && !bench ? inner - bytes : 0);
}

struct strips guarded_strips(size_t rows, size_t columns, bool at_end)
{
    struct strips s = {guarded(strips_size(rows, columns) * sizeof(float), at_end), rows};
    return s;
}

void release(void)
{
    while (region_count > 0) {
        region_count--;
        if (bench)
            simd_free(regions[region_count].base, regions[region_count].size);
        else
            munmap(regions[region_count].base, regions[region_count].size);
    }
}

/* --- verdicts --- */

void describe(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(description, sizeof description, format, args);
    va_end(args);
}

void fail(int t, const char *format, ...)
{
    if (seen[table[t]->isa].failures++ >= 5) return;
    printf("  %s: %s: ", table[t]->name, description);
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

bool same(float a, float b)
{
    return a == b || (isnan(a) && isnan(b));
}

void expect_same(int t, const float *got, const float *want, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!same(got[i], want[i]))
            fail(t, "element %zu: %s has %a, here %a", i, what, (double)want[i], (double)got[i]);
}

void expect_same_strips(int t, struct strips got, struct strips want, size_t row0, size_t rows,
                        size_t columns)
{
    for (size_t i = row0; i < row0 + rows; i++)
        for (size_t c = 0; c < columns; c++) {
            float a = *strip_at(got, i, c), b = *strip_at(want, i, c);
            if (!same(a, b))
                fail(t, "row %zu column %zu: %s has %a, here %a", i, c, table[0]->name, (double)b,
                     (double)a);
        }
}

double ulp(double x)
{
    x = fabs(x);
    if (!(x > FLT_MIN)) return 0x1p-149;
    if (x > FLT_MAX) return 0x1p104;
    int e;
    frexp(x, &e);
    return ldexp(1.0, e - 24);
}

void expect_close(int t, double got, double want, double bound, double scale)
{
    struct seen *s = &seen[table[t]->isa];
    if (isnan(want) || isinf(want)) {
        if (!(isnan(want) ? isnan(got) : got == want)) fail(t, "expected %g, found %g", want, got);
        return;
    }
    double error = fabs(got - want);
    if (!(error <= bound))
        fail(t, "expected %.9g, found %.9g: off by %.3g, bound %.3g", want, got, error, bound);
    /* an ill-conditioned case (bound near the result's size) says nothing in ULP */
    if (bound <= 0x1p-8 * fabs(scale) + 0x1p-140 && error / ulp(scale) > s->worst_ulps) {
        s->worst_ulps = error / ulp(scale);
        snprintf(s->worst_case, sizeof s->worst_case, "%s", description);
    }
    if (bound > 0 && error / bound > s->of_bound) {
        s->of_bound = error / bound;
        snprintf(s->bound_case, sizeof s->bound_case, "%s", description);
    }
}

/* --- timing --- */

static struct {
    double begun, best, total;
    size_t repeat, done;
} timer;

static double cpu_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The register-only FMA loop of the table's instruction set, measured once: FLOP/s, 0 without. */
static double fma_peak(enum simd_isa isa)
{
    static double peak[SIMD_ISAS];
    static const char *const names[SIMD_ISAS] = {NULL, "f32_avx2", "f32_avx512", "f32_avx512"};
    for (const struct peak_loop *p = peak_loops; p->name && names[isa] && peak[isa] == 0; p++) {
        if (strcmp(p->name, names[isa]) != 0 || !p->available()) continue;
        for (int i = 0; i < 20; i++) {
            double begun = cpu_time(), flop = p->run(2000000), rate = flop / (cpu_time() - begun);
            if (rate > peak[isa]) peak[isa] = rate;
        }
    }
    return peak[isa];
}

void call_begin(int t)
{
    current = t;
    timer.best = INFINITY;
    timer.total = 0;
    timer.repeat = 1;
    timer.done = 0;
    if (bench) timer.begun = cpu_time();
}

bool call_again(double flop, double bytes)
{
    if (!bench) {
        current = -1;
        return false;
    }
    if (++timer.done < timer.repeat) return true;
    double now = cpu_time(), each = (now - timer.begun) / (double)timer.repeat;
    if (each < timer.best) timer.best = each;
    timer.total += now - timer.begun;
    if (timer.total < 0.4 && table[current]->isa != SIMD_SCALAR) {
        /* batches of about 1 ms: the best of them counts, other load only ever adds */
        timer.repeat = each > 1e-3 ? 1 : (size_t)(1e-3 / (each + 1e-9)) + 1;
        timer.done = 0;
        timer.begun = cpu_time();
        return true;
    }
    double peak = flop > 0 ? fma_peak(table[current]->isa) : 0;
    printf("  %-44s %-7s %12.0f ns", description, table[current]->name, timer.best * 1e9);
    if (flop > 0) printf(" %8.2f GFLOP/s", flop / timer.best * 1e-9);
    if (peak > 0) printf(" %6.1f %% of peak", 100 * flop / timer.best / peak);
    if (bytes > 0) printf(" %8.2f GB/s", bytes / timer.best * 1e-9);
    printf("\n");
    current = -1;
    return false;
}

/* --- running --- */

static void on_crash(int signal_number)
{
    siglongjmp(crashed, signal_number);
}

static void catch_crashes(void)
{
    static char stack[64 * 1024];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&alternate, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) sigaction(fatal[i], &action, NULL);
}

static void drop_table(int t)
{
    for (tables--; t < tables; t++) table[t] = table[t + 1];
}

/* Where the CPU has no AMX, its integer products run on their definition. */
static void find_tables(const char *check)
{
    tables = 0;
    for (int i = 0; i < SIMD_ISAS; i++)
        if ((table[tables] = simd_kernels((enum simd_isa)i)) != NULL) tables++;
    if (!bench && strstr(check, "i16") && !simd_kernels(SIMD_AMX))
        table[tables++] = simd_amx_emulated();
    if (bench && tables > 1)
        drop_table(0); /* the scalar one is there to be right, not to be fast */
}

/* A check, again without the table that crashed until one run ends. */
static void run_check(size_t i, uint64_t seed)
{
    memset(seen, 0, sizeof seen);
    find_tables(checks[i].name);
    int signal_number = sigsetjmp(crashed, 1);
    if (signal_number) {
        int t = current < 0 ? 0 : current;
        fail(t, "%s (%s)", strsignal(signal_number),
             current < 0 ? "in the check itself" : "in the kernel");
        release();
        drop_table(t);
    }
    current = -1;
    state = seed;
    for (const char *c = checks[i].name; *c; c++) state = state * 31 + (unsigned char)*c;
    if (tables > 0) checks[i].run();
    release();
}

int main(int argc, char **argv)
{
    uint64_t seed = (uint64_t)time(NULL);
    const char *filter = "";
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0) {
            bench = true;
        } else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 0);
        } else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
            filter = argv[++i];
        } else {
            fprintf(stderr, "usage: kernels [--bench] [--seed N] [--filter NAME]\n");
            return 2;
        }
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("seed %llu (replay: --seed %llu)\n", (unsigned long long)seed, (unsigned long long)seed);
    catch_crashes();

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!strstr(checks[i].name, filter)) continue;
        run_check(i, seed);
        find_tables(checks[i].name);
        for (int t = 0; t < tables; t++) {
            const struct seen *s = &seen[table[t]->isa];
            if (s->of_bound > 0 && !bench)
                printf("  %s: at most %.2f ULP (%s), %.2f of the bound (%s)\n", table[t]->name,
                       s->worst_ulps, s->worst_case, s->of_bound, s->bound_case);
            printf(s->failures ? "[  FAILED  ] %s_%s\n" : "[       OK ] %s_%s\n", checks[i].name,
                   table[t]->name);
            failed += s->failures > 0;
        }
    }
    return failed ? 1 : 0;
}
