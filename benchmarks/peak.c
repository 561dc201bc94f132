/* Measures the peak of the processor: fused multiply-adds on registers, without memory.

       peak THREADS TRIES

   prints "float64 G float32 G", where G is 10^9 multiplications and additions per second of
   all threads together, with the fastest instruction set. It is the best of all tries, since
   other load can only lower it. machine.py compiles and runs this program, which prints
   nothing on processors without a known fused multiply-add. */

#define _POSIX_C_SOURCE 200112L
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Twelve independent sums: more than latency times throughput of a processor with two units
   of latency 4 or 5, and few enough for 16 registers. */
enum { SUMS = 12, STEPS = 1000, MAX_THREADS = 1024 };
static const double SECONDS_PER_TRY = 0.05;

/* Computes STEPS * SUMS * width multiplications and as many additions. */
typedef double kernel(double x);

#define KERNEL(name, target, vector, set1, fma, lane0)         \
    target static double name(double x) {                      \
        vector sum[SUMS], a = set1(x), b = set1(1 - x);        \
        for (int i = 0; i < SUMS; i++) sum[i] = set1(x + i);   \
        for (int step = 0; step < STEPS; step++) {             \
            FOR_EACH_SUM(fma)                                  \
        }                                                      \
        double total = 0;                                      \
        for (int i = 0; i < SUMS; i++) total += lane0(sum[i]); \
        return total;                                          \
    }
#define ONE(fma, i) sum[i] = fma(sum[i], a, b);
/* clang-format off */
#define FOR_EACH_SUM(fma)                                                       \
    ONE(fma, 0) ONE(fma, 1) ONE(fma, 2) ONE(fma, 3) ONE(fma, 4) ONE(fma, 5)     \
    ONE(fma, 6) ONE(fma, 7) ONE(fma, 8) ONE(fma, 9) ONE(fma, 10) ONE(fma, 11)
/* clang-format on */

#if defined(__x86_64__)
#    include <immintrin.h>
#    define AVX2   __attribute__((target("avx2,fma")))
#    define AVX512 __attribute__((target("avx512f")))
KERNEL(avx2_f64, AVX2, __m256d, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_cvtsd_f64)
KERNEL(avx2_f32, AVX2, __m256, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_cvtss_f32)
KERNEL(avx512_f64, AVX512, __m512d, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_cvtsd_f64)
KERNEL(avx512_f32, AVX512, __m512, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_cvtss_f32)

static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static int has_avx512(void) { return __builtin_cpu_supports("avx512f"); }

static const struct {
    int (*runs)(void);
    kernel *f64, *f32;
    int bytes;
} SETS[] = {
    {has_avx2, avx2_f64, avx2_f32, 32},
    {has_avx512, avx512_f64, avx512_f32, 64},
};

#elif defined(__aarch64__)
#    include <arm_neon.h>
#    define NEON_F64(sum, a, b) vfmaq_f64(b, sum, a)
#    define NEON_F32(sum, a, b) vfmaq_f32(b, sum, a)
#    define LANE_F64(x)         vgetq_lane_f64(x, 0)
#    define LANE_F32(x)         vgetq_lane_f32(x, 0)
KERNEL(neon_f64, , float64x2_t, vdupq_n_f64, NEON_F64, LANE_F64)
KERNEL(neon_f32, , float32x4_t, vdupq_n_f32, NEON_F32, LANE_F32)

static int always(void) { return 1; }

static const struct {
    int (*runs)(void);
    kernel *f64, *f32;
    int bytes;
} SETS[] = {
    {always, neon_f64, neon_f32, 16},
};

#else
static const struct {
    int (*runs)(void);
    kernel *f64, *f32;
    int bytes;
} SETS[1] = {{0}};
#endif

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}

struct job {
    kernel *run;
    double flops_per_call, gflops;
};

static volatile double sink; /* the compiler must not remove the sums */

static void *measure(void *argument) {
    struct job *job = argument;
    double begin = now(), end, calls = 0;
    do {
        for (int i = 0; i < 50; i++) sink = job->run(0.5);
        calls += 50;
        end = now();
    } while (end - begin < SECONDS_PER_TRY);
    job->gflops = calls * job->flops_per_call / (end - begin) / 1e9;
    return NULL;
}

static double together(struct job job, int n_threads) {
    static pthread_t threads[MAX_THREADS];
    static struct job jobs[MAX_THREADS];
    double total = 0;
    for (int i = 0; i < n_threads; i++) {
        jobs[i] = job;
        if (pthread_create(&threads[i], NULL, measure, &jobs[i]) != 0) exit(1);
    }
    for (int i = 0; i < n_threads; i++) {
        pthread_join(threads[i], NULL);
        total += jobs[i].gflops;
    }
    return total;
}

int main(int argc, char **argv) {
    int n_threads = argc > 1 ? atoi(argv[1]) : 1, tries = argc > 2 ? atoi(argv[2]) : 1;
    double best[2] = {0, 0};
    if (n_threads < 1 || n_threads > MAX_THREADS) return 1;
    for (size_t i = 0; i < sizeof SETS / sizeof SETS[0]; i++) {
        if (!SETS[i].runs || !SETS[i].runs()) continue;
        for (int type = 0; type < 2; type++) {
            int width = SETS[i].bytes / (type == 0 ? 8 : 4);
            kernel *run = type == 0 ? SETS[i].f64 : SETS[i].f32;
            struct job job = {run, 2.0 * STEPS * SUMS * width, 0};
            for (int n = 0; n < tries; n++) {
                double gflops = together(job, n_threads);
                best[type] = gflops > best[type] ? gflops : best[type];
            }
        }
    }
    if (best[0] > 0) printf("float64 %.1f float32 %.1f\n", best[0], best[1]);
    return 0;
}
