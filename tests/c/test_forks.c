/* Tests the thread pool in a POSIX process: a forked child can continue, a process can end at any
 * time, threads round in the default mode whatever they inherited, workers block signals and
 * restore their affinity masks, and jobs run without threads if the system starts none.
 *
 * Not for systems without fork, nor for emulators that cannot fork a program with threads. */
#define _GNU_SOURCE 1 /* feenableexcept, and all of POSIX under -std=c11 */
#include <errno.h>
#include <fenv.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jobs.h"

/* ---- Fork ------------------------------------------------------------------------------------ */

typedef struct caller {
    pthread_t thread;
    size_t n_wrong;
    atomic_size_t *state; /* 1: it computes, 2: it may end */
} caller;

static void *call_until_told(void *context) {
    caller *c = context;
    pb_scope scope;
    pb_scope_enter(&scope);
    atomic_store(c->state, 1);
    while (atomic_load(c->state) == 1) {
        c->n_wrong += sum_of_tasks(3, 20) != 210;
    }
    pb_scope_leave(&scope);
    return NULL;
}

/* What a child makes of it: 0 is well. A child that hangs is ended by its alarm. */
static int child_status(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

static int child_computes(void) {
    alarm(PATIENCE);
    /* The child starts its own workers; the parent's do not count. */
    return sum_of_tasks(2, 100) == 5050 && n_missing(2) == 0 && n_missing(3) == 0;
}

/* The thread sanitizer of gcc 12 stops a child whose new thread is given the place of one that
 * another thread of the parent had started and not joined. */
#if defined(__SANITIZE_THREAD__)
#    define CANNOT_START 1
#else
#    define CANNOT_START 0
#endif

static void test_fork(void) {
    for (int busy = 0; busy < 2; busy++) {
        atomic_size_t state = 0;
        caller c = {.state = &state};
        if (busy) {
            c.thread = start(call_until_told, &c);
            CHECK(reached(&state, 1), "the caller did not start");
        }
        for (int i = 0; i < 50; i++) {
            fflush(stdout);
            const pid_t child = fork();
            if (child == 0) {
                _exit((busy && CANNOT_START) || child_computes() ? 0 : 1);
            }
            CHECK(child > 0, "no child");
            CHECK_SAME(child_status(child), 0, "child %d, job going: %d", i, busy);
            pass(i % 5 * 1e-4);
        }
        if (busy) {
            atomic_store(&state, 2);
            pthread_join(c.thread, NULL);
            CHECK_SAME(c.n_wrong, 0, "jobs while others forked");
        }
        CHECK_SAME(n_missing(2), 0, "the parent goes on");
    }
}

typedef struct forking {
    int status; /* the child's */
    atomic_size_t n_running;
} forking;

/* A task that forks: the child has lost the other thread, which it must not wait for. */
static pb_status fork_in_task(void *context, size_t task, size_t thread,
                              pb_stop_token *stop_token) {
    forking *w = context;
    (void)task, (void)stop_token;
    atomic_fetch_add(&w->n_running, 1);
    if (thread == 0 && reached(&w->n_running, 2)) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(PATIENCE);
            return PB_OK;
        }
        w->status = child_status(child);
        atomic_fetch_add(&w->n_running, 1);
    }
    return reached(&w->n_running, 3) ? PB_OK : PB_BAD_ARGUMENT;
}

static void test_fork_inside(void) {
    for (int i = 0; i < 10; i++) {
        const pid_t parent = getpid();
        forking w = {-1, 0};
        fflush(stdout);
        const pb_status status = pb_threads_run(2, 2, fork_in_task, &w, NULL);
        if (getpid() != parent) {
            _exit(status == PB_INTERRUPTED && child_computes() ? 0 : 1);
        }
        CHECK_SAME(status, PB_OK, "the parent's job");
        CHECK_SAME(w.status, 0, "the child");
    }
}

/* Processes end, by way of exit, while workers spin, sleep or are just being started. */
static void test_exit(void) {
    for (int i = 0; i < 100; i++) {
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            alarm(PATIENCE);
            const int right = sum_of_tasks(2 + (size_t)(i % 7), 20) == 210;
            pass(i % 3 * 1e-4);
            exit(right ? 0 : 1);
        }
        CHECK(child > 0, "no child");
        CHECK_SAME(child_status(child), 0, "child %d", i);
    }
}

/* ---- The floating-point environment ---------------------------------------------------------- */

/* Results depend on these, and the compiler must not compute them itself. */
static int rounds_to_nearest(void) {
    volatile double one = 1, third = 3, tiny = 0x1p-60;
    const double up = one + tiny, down = -one - tiny;
    return one / third == 0x1.5555555555555p-2 && up == 1 && down == -1;
}

static int keeps_subnormal(void) {
    volatile double smallest_normal = DBL_MIN, subnormal = 0x1p-1070;
    const double result = smallest_normal / 4; /* flushed to zero? */
    const double taken = subnormal * 0x1p100;  /* taken as zero? */
    return result > 0 && taken > 0;
}

static int traps_nothing(void) {
#if defined(__GLIBC__)
    return fegetexcept() == 0;
#else
    return 1;
#endif
}

/* Bits that flush results and take operands as zero, set or taken back; 0 where there are none. */
static int set_flushing(int on) {
#if defined(__x86_64__) || defined(__i386__)
    unsigned int csr;
    __asm__ volatile("stmxcsr %0" : "=m"(csr));
    csr = on ? csr | 0x8040 : csr & ~0x8040u;
    __asm__ volatile("ldmxcsr %0" : : "m"(csr));
    return 1;
#elif defined(__aarch64__)
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    fpcr = on ? fpcr | 1u << 24 : fpcr & ~(UINT64_C(1) << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr));
    return 1;
#else
    return on < 0;
#endif
}

static pb_status look_at_environment(void *context, size_t task, size_t thread,
                                     pb_stop_token *stop_token) {
    atomic_size_t *n_wrong = context;
    (void)task, (void)thread, (void)stop_token;
    atomic_fetch_add(n_wrong, !(rounds_to_nearest() && keeps_subnormal() && traps_nothing() &&
                                fegetround() == FE_TONEAREST));
    return PB_OK;
}

/* The meeting makes sure that each thread has looked. */
static pb_status look_and_meet(void *context, size_t task, size_t thread,
                               pb_stop_token *stop_token) {
    meeting *m = context;
    look_at_environment(&m->n_missed, task, thread, stop_token);
    return meet(context, task, thread, stop_token);
}

static void check_scope(const char *what) {
    pb_scope outer, inner;
    meeting m = {0, 0, 3};
    pb_scope_enter(&outer);
    pb_scope_enter(&inner);
    CHECK_SAME(pb_threads_run(3, 3, look_and_meet, &m, NULL), PB_OK, "%s", what);
    pb_scope_leave(&inner);
    look_at_environment(&m.n_missed, 0, 0, NULL);
    pb_scope_leave(&outer);
    CHECK_SAME(atomic_load(&m.n_missed), 0, "threads in another environment: %s", what);
}

/* In a child, whose workers have not started yet: they inherit what their creator has set. */
static int environment_child(void) {
    alarm(PATIENCE);
    checks_made = checks_failed = 0;
    const int can_flush = set_flushing(1);
    CHECK(!can_flush || !keeps_subnormal(), "cannot flush");
    /* Without a scope, the workers alone are clean. */
    meeting m = {0, 0, 3};
    CHECK_SAME(pb_threads_run(3, 3, look_and_meet, &m, NULL), PB_OK, "no scope");
    CHECK_SAME(atomic_load(&m.n_missed), can_flush != 0, "threads that flush, no scope");
    check_scope("the caller flushes");
    CHECK(!can_flush || !keeps_subnormal(), "flushing is not put back");
    set_flushing(0);

    CHECK_SAME(fesetround(FE_UPWARD), 0, "round upward");
    CHECK(!rounds_to_nearest(), "still rounds to nearest");
    check_scope("the caller rounds upward");
    CHECK_SAME(fegetround(), FE_UPWARD, "rounding is not put back");
    CHECK(!rounds_to_nearest(), "rounding is not put back");
    fesetround(FE_TONEAREST);

    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    check_scope("the caller has divided by zero");
    CHECK_SAME(fetestexcept(FE_DIVBYZERO | FE_INEXACT), FE_DIVBYZERO, "exceptions of the scope");
#if defined(__GLIBC__)
    feclearexcept(FE_ALL_EXCEPT);
    if (feenableexcept(FE_DIVBYZERO | FE_INVALID) != -1) { /* not every processor has traps */
        const int traps = fegetexcept();
        volatile double zero = 0;
        pb_scope scope;
        check_scope("the caller traps");
        pb_scope_enter(&scope);
        CHECK(isinf(1 / zero), "no division by zero");
        pb_scope_leave(&scope);
        CHECK_SAME(fegetexcept(), traps, "traps are not put back");
        fedisableexcept(FE_ALL_EXCEPT);
    }
#endif
    return checks_failed == 0;
}

static void test_environment(void) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const int right = environment_child();
        fflush(stdout);
        _exit(right ? 0 : 1);
    }
    CHECK_SAME(child_status(child), 0, "the environment in a child");
    check_scope("nothing special");
}

/* ---- The rest -------------------------------------------------------------------------------- */

static pb_status look_at_signals(void *context, size_t task, size_t thread,
                                 pb_stop_token *stop_token) {
    meeting *m = context;
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    atomic_fetch_add(&m->n_missed, thread != 0 && (!sigismember(&blocked, SIGINT) ||
                                                   !sigismember(&blocked, SIGTERM) ||
                                                   sigismember(&blocked, SIGSEGV)));
    return meet(context, task, thread, stop_token);
}

static void test_signals(void) {
    sigset_t before, after;
    pthread_sigmask(SIG_BLOCK, NULL, &before);
    meeting m = {0, 0, 9};
    CHECK_SAME(pb_threads_run(9, 9, look_at_signals, &m, NULL), PB_OK, "job");
    CHECK_SAME(atomic_load(&m.n_missed), 0, "workers that take signals");
    pthread_sigmask(SIG_BLOCK, NULL, &after);
    CHECK_SAME(sigismember(&after, SIGINT), sigismember(&before, SIGINT), "the caller's mask");
}

#if defined(__linux__)
static pb_status look_at_processors(void *context, size_t task, size_t thread,
                                    pb_stop_token *stop_token) {
    meeting *m = context;
    cpu_set_t may;
    /* A worker is awake a moment before it has its processor back. */
    for (int i = 0; i < 1000 && sched_getaffinity(0, sizeof may, &may) == 0; i++) {
        if (CPU_COUNT(&may) == (int)m->n) {
            return PB_OK;
        }
        pass(1e-4);
    }
    (void)task, (void)thread, (void)stop_token;
    atomic_fetch_add(&m->n_missed, 1);
    return PB_OK;
}

/* A worker that is awake may run wherever it could before it slept. */
static void test_processors(void) {
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof may, &may) != 0) {
        return;
    }
    for (int i = 0; i < 20; i++) {
        meeting m = {0, 0, (size_t)CPU_COUNT(&may)};
        pass(1e-3);
        CHECK_SAME(n_missing(2), 0, "of two threads");
        CHECK_SAME(pb_threads_run(2, 2, look_at_processors, &m, NULL), PB_OK, "job");
        CHECK_SAME(atomic_load(&m.n_missed), 0, "threads kept off a processor");
    }
}
#endif

/* A system that gives no thread, here for want of room for its stack. Sanitizers want room too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#    define SANITIZED 1
#elif defined(__has_feature)
#    define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#    define SANITIZED 0
#endif

static void test_no_threads(void) {
    if (SANITIZED) {
        return;
    }
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        alarm(PATIENCE);
        const struct rlimit none = {0, RLIM_INFINITY}, any = {RLIM_INFINITY, RLIM_INFINITY};
        atomic_size_t highest = 0;
        int right = setrlimit(RLIMIT_AS, &none) == 0;
        for (int i = 0; i < 2000; i++) {
            right &= pb_threads_run(3, 20, highest_thread, &highest, NULL) == PB_OK;
        }
        right &= atomic_load(&highest) == 0;
        /* It is asked again after some time. */
        right &= setrlimit(RLIMIT_AS, &any) == 0;
        for (int i = 0; i < 2000; i++) {
            right &= sum_of_tasks(3, 20) == 210;
        }
        _exit(right && n_missing(3) == 0 ? 0 : 1);
    }
    CHECK_SAME(child_status(child), 0, "a child that gets no threads");
}

int main(void) {
    test_no_threads();  /* first: a child finds neither workers nor the stacks they left */
    test_environment(); /* its child finds no workers */
    test_fork();
    test_fork_inside();
    test_exit();
    test_signals();
#if defined(__linux__)
    test_processors();
#endif
    return check_summary();
}
