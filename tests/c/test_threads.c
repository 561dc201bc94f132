/* Tests the thread pool: every task runs once, on a thread whose number is unique at that time;
 * failures and interruptions stop a job; callers do not disturb each other. test_forks.c tests
 * processes. */
#if !defined(_WIN32)
#    define _GNU_SOURCE 1 /* all of POSIX under -std=c11 */
#endif
#include "jobs.h"

/* ---- Every task once ------------------------------------------------------------------------- */

enum { MAX_TASKS = 1000 };

typedef struct counts {
    pthread_t caller;
    atomic_size_t runs[MAX_TASKS], started;
    atomic_int in_use[PB_MAX_THREADS]; /* scratch by number of the thread */
    atomic_size_t n_wrong;
    size_t n_threads;
} counts;

static void counts_reset(counts *c, size_t n_threads) {
    memset(c, 0, sizeof *c);
    c->caller = pthread_self();
    c->n_threads = n_threads;
}

static pb_status count(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    counts *c = context;
    const int is_caller = pthread_equal(pthread_self(), c->caller) != 0;
    if (task >= MAX_TASKS || thread >= c->n_threads || (thread == 0) != is_caller ||
        atomic_exchange(&c->in_use[thread], 1) != 0) {
        atomic_fetch_add(&c->n_wrong, 1);
        return PB_OK;
    }
    atomic_fetch_add(&c->runs[task], 1);
    if (task % 17 == 0) {
        sched_yield(); /* others catch up */
    }
    const pb_status status = task % 3 == 0 ? pb_stop_requested(stop_token) : PB_OK;
    atomic_store(&c->in_use[thread], 0);
    return status;
}

static void test_every_part_once(void) {
    static const size_t threads[] = {1, 2, 3, 7, 64}, tasks[] = {0, 1, 2, 7, MAX_TASKS};
    static counts c;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 5; i++) {
            for (size_t j = 0; j < 5; j++) {
                counts_reset(&c, threads[i]);
                CHECK_SAME(pb_threads_run(threads[i], tasks[j], count, &c, NULL), PB_OK,
                           "%zu threads, %zu tasks", threads[i], tasks[j]);
                size_t n_once = 0, n_runs = 0;
                for (size_t k = 0; k < MAX_TASKS; k++) {
                    n_once += atomic_load(&c.runs[k]) == 1;
                    n_runs += atomic_load(&c.runs[k]);
                }
                CHECK(n_once == tasks[j] && n_runs == tasks[j],
                      "%zu tasks of %zu run once, %zu runs, %zu threads", n_once, tasks[j], n_runs,
                      threads[i]);
                CHECK_SAME(atomic_load(&c.n_wrong), 0, "tasks in a wrong place, %zu threads",
                           threads[i]);
            }
        }
    }
}

static void test_odd_numbers(void) {
    static counts c;
    counts_reset(&c, 1);
    CHECK_SAME(pb_threads_run(0, 7, count, &c, NULL), PB_OK, "no threads count as one");
    counts_reset(&c, PB_MAX_THREADS);
    CHECK_SAME(pb_threads_run(SIZE_MAX, 7, count, &c, NULL), PB_OK, "more threads than there are");
    CHECK_SAME(atomic_load(&c.n_wrong), 0, "tasks in a wrong place");
    if (SIZE_MAX > UINT32_MAX) {
        CHECK_SAME(pb_threads_run(2, SIZE_MAX, count, &c, NULL), PB_TOO_LARGE, "too many tasks");
    }
}

/* ---- All threads take task ------------------------------------------------------------------- */

/* The number of threads is honoured on fewer cores, and those that sleep wake up. */
static void test_all_take_part(void) {
    static const size_t threads[] = {1, 2, 3, 7, 2, 64, 2};
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        CHECK_SAME(n_missing(threads[i]), 0, "of %zu threads", threads[i]);
    }
    for (int i = 0; i < 100; i++) {
        pass(i % 10 * 1e-4); /* awake, falling asleep, asleep */
        const size_t n_threads = i % 7 == 0 ? 7 : 2;
        CHECK_SAME(n_missing(n_threads), 0, "of %zu threads, round %d", n_threads, i);
    }
}

/* Where each thread begins: its first task has to wait until all have begun. */
typedef struct beginning {
    atomic_size_t n_arrived;
    size_t n_threads;
    atomic_size_t begun[8], first[8];
} beginning;

static pb_status begin(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    beginning *b = context;
    (void)stop_token;
    if (atomic_fetch_add(&b->begun[thread], 1) == 0) {
        atomic_store(&b->first[thread], task);
        atomic_fetch_add(&b->n_arrived, 1);
        return reached(&b->n_arrived, b->n_threads) ? PB_OK : PB_BAD_ARGUMENT;
    }
    return PB_OK;
}

static void test_shares(void) {
    static const size_t threads[] = {1, 2, 3, 7}, tasks[] = {7, 8, 20, 1000};
    for (size_t i = 0; i < 16; i++) {
        const size_t n_threads = threads[i / 4], n_tasks = tasks[i % 4];
        beginning b = {.n_threads = n_threads};
        CHECK_SAME(pb_threads_run(n_threads, n_tasks, begin, &b, NULL), PB_OK, "%zu threads",
                   n_threads);
        for (size_t t = 0; t < n_threads; t++) {
            CHECK_SAME(atomic_load(&b.first[t]), n_tasks * t / n_threads,
                       "thread %zu of %zu, %zu tasks", t, n_threads, n_tasks);
        }
    }
}

static void test_back_to_back(void) {
    size_t n_wrong = 0;
    for (int i = 0; i < 200000; i++) {
        n_wrong += sum_of_tasks(2, 2) != 3;
    }
    CHECK_SAME(n_wrong, 0, "jobs with 2 threads");
    for (int i = 0; i < 20000; i++) {
        const size_t n = (size_t)(i % 11);
        n_wrong += sum_of_tasks(2 + (size_t)(i % 3), n) != n * (n + 1) / 2;
    }
    CHECK_SAME(n_wrong, 0, "jobs with changing numbers of threads");
}

/* ---- Failures and interruptions -------------------------------------------------------------- */

typedef struct failing {
    size_t bad, n_before; /* it fails when so many have been started */
    atomic_size_t n_runs, highest;
} failing;

/* Part `bad` fails; those after it go on until they hear of it, then fail in another way. */
static pb_status fail_at(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    failing *f = context;
    (void)thread;
    atomic_fetch_add(&f->n_runs, 1);
    for (size_t h = atomic_load(&f->highest);
         h < task && !atomic_compare_exchange_weak(&f->highest, &h, task);) {
    }
    if (task == f->bad) {
        return reached(&f->n_runs, f->n_before) ? PB_NO_MEMORY : PB_BAD_ARGUMENT;
    }
    const double end = seconds() + PATIENCE;
    while (task > f->bad && pb_stop_requested(stop_token) == PB_OK && seconds() < end) {
    }
    return task > f->bad ? PB_TOO_LARGE : PB_OK;
}

static void test_first_failure(void) {
    static const size_t threads[] = {1, 2, 7}, bad[] = {0, 1, 10, MAX_TASKS - 1};
    for (int i = 0; i < 300; i++) {
        const size_t n_threads = threads[i % 3];
        failing f = {bad[i / 3 % 4], 0, 0, 0};
        if (f.bad + n_threads <= MAX_TASKS) {
            f.n_before = f.bad + n_threads; /* all other threads wait for it */
        }
        CHECK_SAME(pb_threads_run(n_threads, MAX_TASKS, fail_at, &f, NULL), PB_NO_MEMORY,
                   "task %zu failed, %zu threads", f.bad, n_threads);
        /* Those before, and each other thread at most one after. */
        const size_t n_runs = atomic_load(&f.n_runs);
        CHECK(n_runs <= f.bad + n_threads, "%zu runs, task %zu failed", n_runs, f.bad);
        CHECK(atomic_load(&f.highest) >= f.bad, "task %zu did not run", f.bad);
        CHECK(n_threads > 1 || n_runs == f.bad + 1, "%zu runs by one thread", n_runs);
    }
    CHECK_SAME(sum_of_tasks(7, 100), 5050, "after failures");
}

typedef struct asked {
    pthread_t caller;
    size_t n_asked, n_elsewhere;
    double stop_at;
    double stopped;
} asked;

static int poll(void *context) {
    asked *a = context;
    a->n_asked++;
    a->n_elsewhere += !pthread_equal(pthread_self(), a->caller);
    if (seconds() < a->stop_at) {
        return 0;
    }
    a->stopped = seconds();
    return 1;
}

typedef struct long_work {
    int mode; /* 0: many short tasks, 1: tasks that stop_token, 2: the caller's task is soon done */
    atomic_size_t n_running, n_gave_up;
} long_work;

static pb_status work_long(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    long_work *w = context;
    (void)task;
    if (w->mode == 0) {
        pass(1e-4);
        return PB_OK;
    }
    atomic_fetch_add(&w->n_running, 1);
    if (w->mode == 2 && thread == 0) {
        return reached(&w->n_running, 2) ? PB_OK : PB_BAD_ARGUMENT;
    }
    const double end = seconds() + PATIENCE;
    while (seconds() < end) {
        if (pb_stop_requested(stop_token) != PB_OK) {
            return PB_OK; /* the job is interrupted nevertheless */
        }
    }
    atomic_fetch_add(&w->n_gave_up, 1);
    return PB_OK;
}

static void test_interruption(void) {
    static const struct {
        size_t n_threads, n_tasks;
    } jobs[3][2] = {{{1, 1000000}, {3, 1000000}}, {{1, 1}, {3, 3}}, {{2, 2}, {2, 2}}};
    for (int i = 0; i < 30; i++) {
        const int mode = i % 3;
        const size_t n_threads = jobs[mode][i / 3 % 2].n_threads;
        const size_t n_tasks = jobs[mode][i / 3 % 2].n_tasks;
        asked a = {pthread_self(), 0, 0, seconds() + 0.01, 0};
        pb_interrupt interrupt = {poll, &a, 0.002, 0};
        long_work w = {mode, 0, 0};
        CHECK_SAME(pb_threads_run(n_threads, n_tasks, work_long, &w, &interrupt), PB_INTERRUPTED,
                   "mode %d, %zu threads", mode, n_threads);
        CHECK_SAME(a.n_elsewhere, 0, "asked in another thread, mode %d", mode);
        CHECK_SAME(atomic_load(&w.n_gave_up), 0, "tasks did not hear of it, mode %d", mode);
        CHECK(a.n_asked > 0, "not asked");
        /* A busy machine may put this thread aside, so this is no bound on the interval. */
        CHECK(a.stopped - a.stop_at < PATIENCE / 2.0, "asked after %g s", a.stopped - a.stop_at);
    }
    CHECK_SAME(sum_of_tasks(7, 100), 5050, "after interruptions");
}

/* Between tasks, not after the last: what is done is not thrown away. */
static void test_finished_is_not_interrupted(void) {
    asked a = {pthread_self(), 0, 0, 0, 0};
    pb_interrupt interrupt = {poll, &a, 0, 0};
    atomic_size_t sum = 0;
    CHECK_SAME(pb_threads_run(1, 1, add_task, &sum, &interrupt), PB_OK, "a single task");
    CHECK_SAME(a.n_asked, 0, "questions about a single task");
    CHECK_SAME(pb_threads_run(1, 2, add_task, &sum, &interrupt), PB_INTERRUPTED, "two tasks");
    CHECK_SAME(a.n_asked, 1, "questions about two tasks");
}

/* ---- Jobs inside jobs, and many callers ------------------------------------------------------ */

static pb_status nest(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    (void)thread, (void)stop_token;
    static const size_t n_threads[] = {1, 2, 7};
    counts *c = malloc(sizeof *c);
    if (c == NULL) {
        return PB_NO_MEMORY;
    }
    counts_reset(c, 1); /* in this thread, as number 0 */
    pb_status status = pb_threads_run(n_threads[task % 3], 20, count, c, NULL);
    for (size_t i = 0; i < 20; i++) {
        status = atomic_load(&c->runs[i]) == 1 ? status : PB_BAD_ARGUMENT;
    }
    atomic_fetch_add((atomic_size_t *)context, atomic_load(&c->n_wrong));
    free(c);
    return status;
}

static void test_nested(void) {
    for (size_t n_threads = 1; n_threads <= 7; n_threads += 3) {
        atomic_size_t n_wrong = 0;
        CHECK_SAME(pb_threads_run(n_threads, 200, nest, &n_wrong, NULL), PB_OK, "%zu threads",
                   n_threads);
        CHECK_SAME(atomic_load(&n_wrong), 0, "nested tasks in a wrong place");
    }
}

typedef struct caller {
    pthread_t thread;
    size_t n_jobs, n_wrong;
} caller;

static void *call_often(void *context) {
    caller *c = context;
    for (size_t i = 0; i < c->n_jobs; i++) {
        pb_scope scope;
        const int scoped = i % 3 != 0;
        if (scoped) {
            pb_scope_enter(&scope);
        }
        const size_t n = i % 50;
        c->n_wrong += sum_of_tasks(1 + i % 5, n) != n * (n + 1) / 2;
        if (scoped) {
            pb_scope_leave(&scope);
        }
    }
    return NULL;
}

static void test_many_callers(void) {
    caller callers[8];
    for (size_t i = 0; i < 8; i++) {
        callers[i] = (caller){.n_jobs = 3000};
        callers[i].thread = start(call_often, &callers[i]);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(callers[i].thread, NULL);
        CHECK_SAME(callers[i].n_wrong, 0, "jobs of caller %zu", i);
    }
    CHECK_SAME(n_missing(2), 0, "afterwards");
}

static void *compute(void *context) {
    atomic_size_t *state = context;
    pb_scope scope;
    pb_scope_enter(&scope);
    atomic_store(state, 1);
    reached(state, 2);
    pb_scope_leave(&scope);
    return NULL;
}

/* Each other caller in a scope takes a thread away; a thread that nests scopes is one caller. */
static void test_callers_share(void) {
    for (int in_scope = 0; in_scope <= 2; in_scope++) {
        pb_scope scopes[2];
        for (int i = 0; i < in_scope; i++) {
            pb_scope_enter(&scopes[i]);
        }
        atomic_size_t state = 0, highest = 0;
        const pthread_t other = start(compute, &state);
        CHECK(reached(&state, 1), "the other caller did not start");
        CHECK_SAME(pb_threads_run(2, 1000, highest_thread, &highest, NULL), PB_OK, "job");
        CHECK_SAME(atomic_load(&highest), 0, "two callers, two threads");
        CHECK_SAME(pb_threads_run(3, 1000, highest_thread, &highest, NULL), PB_OK, "job");
        CHECK(atomic_load(&highest) <= 1, "two callers, three threads: %zu", atomic_load(&highest));
        meeting m = {0, 0, 2};
        CHECK_SAME(pb_threads_run(3, 2, meet, &m, NULL), PB_OK, "job");
        CHECK_SAME(atomic_load(&m.n_missed), 0, "two callers, three threads");
        atomic_store(&state, 2);
        pthread_join(other, NULL);
        CHECK_SAME(n_missing(2), 0, "alone again");
        for (int i = in_scope; i-- > 0;) {
            pb_scope_leave(&scopes[i]);
        }
    }
}

/* ---- The rest -------------------------------------------------------------------------------- */

static void test_limit(void) {
    CHECK_SAME(pb_thread_limit(), 0, "not set");
    pb_set_thread_limit(3);
    CHECK_SAME(pb_thread_limit(), 3, "three");
    pb_set_thread_limit(INT32_MAX);
    CHECK_SAME(pb_thread_limit(), INT32_MAX, "many");
    CHECK_SAME(n_missing(5), 0, "the core itself does not apply the limit");
    pb_set_thread_limit(0);
    CHECK_SAME(pb_thread_limit(), 0, "no more");
}

int main(void) {
    test_every_part_once();
    test_odd_numbers();
    test_all_take_part();
    test_shares();
    test_back_to_back();
    test_first_failure();
    test_interruption();
    test_finished_is_not_interrupted();
    test_nested();
    test_many_callers();
    test_callers_share();
    test_limit();
    return check_summary();
}
