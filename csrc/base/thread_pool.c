/* The thread pool: the only state in the library that outlives a call.
 *
 * A job often takes 20 to 50 microseconds and the next one follows at once, so starting a job must
 * cost a few cache misses and no system call. Workers that have just finished a job spin on one
 * atomic variable, the ticket, which packs the number of unclaimed tasks and the number of threads
 * that may claim them.
 *
 * - start: the caller writes the description of the job, then the ticket.
 * - claim: a thread decrements the ticket by compare-and-swap, then chooses a task, from its own
 *   share of the tasks first.
 * - settle: a worker counts each task that it has finished; a thread that stops the job takes all
 *   unclaimed tasks off the ticket and counts them too.
 * - end: the caller waits until all tasks are settled that it did not run itself.
 *
 * A claim depends on the ticket alone. A worker that is preempted between its load and its
 * compare-and-swap therefore cannot claim wrongly, even if the ticket belongs to a later job by
 * then. It reads the description after its claim only: the claimed task keeps the job from ending
 * and the description from changing. The caller waits for claimed tasks only, so that a worker that
 * is not scheduled delays nobody.
 *
 * A worker that has found no task for some time sleeps. It sets its `asleep` and then reads the
 * ticket again; the caller writes the ticket and then reads `asleep`. All atomic operations are
 * sequentially consistent, so one of the two sees the write of the other. The worker holds its lock
 * from its last read until it sleeps, and the caller acquires the lock to wake it.
 *
 * A forked child has only the thread that called fork. It resets the pool, locks included, and
 * starts its own workers when it needs some.
 *
 * Workers are detached and use static memory only, so the process may exit at any time. */
#include "base/thread_platform.h" /* first: it chooses what the system's headers declare */

#include "base/interrupt.h"
#include "base/thread_pool.h"

/* ---- State ----------------------------------------------------------------------------------- */

/* Puts variables that different threads write on different cache lines: two lines apart, since
 * processors prefetch lines in pairs. */
#define CACHE_ALIGNED _Alignas(128)

struct job {
    CACHE_ALIGNED atomic_u64 ticket;  /* allowed threads << TICKET_SHIFT | unclaimed tasks   */
    CACHE_ALIGNED atomic_u64 settled; /* tasks that workers have run, or that are cancelled  */
    CACHE_ALIGNED atomic_u64 failure; /* the first status other than PB_OK                   */
    /* The description: written while the ticket has no task, read by threads with a claim. */
    pb_task *task;
    void *context;
    uint64_t n_tasks;
    uint64_t n_shares; /* threads among which the tasks are divided */
};

/* Number of tasks of a thread's share that have been started. */
typedef struct share {
    CACHE_ALIGNED atomic_u64 n_begun;
} share;

#define TICKET_SHIFT       48
#define TASKS_OF(ticket)   ((ticket) & (((uint64_t)1 << TICKET_SHIFT) - 1))
#define THREADS_OF(ticket) ((ticket) >> TICKET_SHIFT)

struct pb_stop_token {
    struct job *job;
    pb_interrupt *interrupt; /* NULL, which never stops, in all threads except the caller */
};

typedef struct worker {
    CACHE_ALIGNED atomic_u64 asleep;
    lock lock;
    event event;
} worker;

static struct pool {
    struct job job;

    CACHE_ALIGNED atomic_u64 busy; /* a caller owns the pool; only it writes the next three */
    size_t n_workers;              /* workers started */
    size_t n_refusals;             /* jobs to wait before starting another worker is tried again */
    atomic_u64 processor;          /* the processor of the caller */

    CACHE_ALIGNED atomic_u64 n_callers; /* threads inside a pb_scope */
    atomic_u64 n_forks;
    atomic_u64 limit;

    worker workers[PB_MAX_THREADS]; /* 1 ... n_workers; 0 is the caller and unused */
    share shares[PB_MAX_THREADS];   /* by thread of the current job */
} pool;

static PER_THREAD struct {
    uint64_t n_scopes;
    int computing; /* inside pb_threads_run, or in a worker */
} self;

int pb_thread_limit(void) { return (int)(int64_t)atomic_u64_load(&pool.limit); }
void pb_set_thread_limit(int limit) { atomic_u64_store(&pool.limit, (uint64_t)(int64_t)limit); }

/* Resets the pool in a forked child, which has no other thread. */
static void reset_after_fork(void) {
    atomic_u64_store(&pool.job.ticket, 0);
    atomic_u64_store(&pool.n_callers, self.n_scopes > 0);
    atomic_u64_add(&pool.n_forks, 1);
    pool.n_workers = pool.n_refusals = 0;
    atomic_u64_store(&pool.busy, 0);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* A worker sleeps after spinning for WORKER_SPINS_NS, which is longer than the gap between two jobs
 * of one training. A caller yields its processor after CALLER_SPINS_NS. */
#define WORKER_SPINS_NS 50000
#define CALLER_SPINS_NS 10000

typedef struct spin {
    unsigned turns;
    uint64_t start;
} spin;

/* Spins briefly, and returns whether `limit` nanoseconds have not passed. Reading the clock takes
 * as long as a dozen spins, so it is read at every 32nd. */
static int spin_once(spin *s, uint64_t limit) {
    cpu_relax();
    if (++s->turns % 32 != 0) {
        return 1;
    }
    const uint64_t t = nanoseconds();
    if (s->turns == 32) {
        s->start = t;
    }
    return t - s->start < limit;
}

static int may_claim(uint64_t ticket, size_t thread) {
    return TASKS_OF(ticket) != 0 && thread < THREADS_OF(ticket);
}

/* Whether a spinning worker runs on the caller's processor: it had better sleep and wake elsewhere.
 */
static int shares_callers_processor(void) {
    const size_t processor = processor_now();
    return processor != NO_PROCESSOR && atomic_u64_load(&pool.processor) == processor;
}

/* Sleeps until the caller wakes this worker; spurious wake-ups are possible. */
static void sleep_until_woken(worker *w, size_t index) {
    processors before;
    const size_t callers = (size_t)atomic_u64_load(&pool.processor);
    const int was_excluded = processor_exclude(callers, &before);
    lock_acquire(&w->lock);
    atomic_u64_store(&w->asleep, 1);
    if (!may_claim(atomic_u64_load(&pool.job.ticket), index)) {
        event_wait(&w->event, &w->lock);
    }
    atomic_u64_store(&w->asleep, 0);
    lock_release(&w->lock);
    if (was_excluded) {
        processor_restore(callers, &before);
    }
}

/* Wakes the sleeping workers of the job, as long as there are unclaimed tasks. */
static void wake(size_t n_threads) {
    for (size_t i = 1; i < n_threads; i++) {
        worker *w = &pool.workers[i];
        if (atomic_u64_load(&w->asleep) == 0) {
            continue;
        }
        if (!may_claim(atomic_u64_load(&pool.job.ticket), i)) {
            return;
        }
        /* One signal is enough: before it sleeps again, the worker sets this and reads the ticket.
         */
        atomic_u64_store(&w->asleep, 0);
        lock_acquire(&w->lock); /* from here on it waits for the event, or has seen the ticket */
        lock_release(&w->lock); /* before the signal, or it would wake to wait for the lock */
        event_signal(&w->event);
    }
}

/* ---- Tasks ----------------------------------------------------------------------------------- */

/* Stops the job. Only for the caller, or a thread that holds a claimed task that is not settled. */
static void stop(struct job *job, pb_status status) {
    uint64_t expected = PB_OK;
    atomic_u64_compare_swap(&job->failure, &expected, (uint64_t)status);
    atomic_u64_add(&job->settled, TASKS_OF(atomic_u64_swap(&job->ticket, 0)));
}

/* Chooses the task of a claim: from the thread's own share, then from the following shares. There
 * are as many tasks as claims, so the search always ends. */
static size_t next_task(const struct job *job, size_t thread) {
    for (uint64_t i = 0;; i++) {
        const uint64_t s = (thread + i) % job->n_shares;
        const uint64_t first = job->n_tasks * s / job->n_shares;
        const uint64_t count = job->n_tasks * (s + 1) / job->n_shares - first;
        atomic_u64 *const n_begun = &pool.shares[s].n_begun;
        if (atomic_u64_load(n_begun) < count) {
            const uint64_t k = atomic_u64_add(n_begun, 1);
            if (k < count) {
                return (size_t)(first + k);
            }
        }
    }
}

static int claim(struct job *job, size_t thread, size_t *task) {
    uint64_t ticket = atomic_u64_load(&job->ticket);
    while (may_claim(ticket, thread)) {
        if (atomic_u64_compare_swap(&job->ticket, &ticket, ticket - 1)) {
            *task = job->n_shares == 1 ? (size_t)(job->n_tasks - TASKS_OF(ticket))
                                       : next_task(job, thread);
            return 1;
        }
    }
    return 0;
}

/* Claims and runs tasks until none is left; returns their number. */
static uint64_t run_tasks(struct job *job, size_t thread, pb_interrupt *interrupt) {
    pb_stop_token stop_token = {job, interrupt};
    uint64_t n = 0;
    for (size_t task = 0; claim(job, thread, &task); n++) {
        pb_status status = job->task(job->context, task, thread, &stop_token);
        if (status == PB_OK && TASKS_OF(atomic_u64_load(&job->ticket)) != 0) {
            status = pb_interrupt_poll(interrupt);
        }
        if (status != PB_OK) {
            stop(job, status);
        }
        if (thread != 0) {
            atomic_u64_add(&job->settled, 1); /* from here on the job may end */
        }
    }
    return n;
}

pb_status pb_stop_requested(pb_stop_token *stop_token) {
    if (atomic_u64_load(&stop_token->job->failure) != PB_OK) {
        return PB_INTERRUPTED;
    }
    const pb_status status = pb_interrupt_poll(stop_token->interrupt);
    if (status != PB_OK) {
        stop(stop_token->job, status); /* the other threads see it at once */
    }
    return status;
}

/* ---- Workers --------------------------------------------------------------------------------- */

static void worker_main(size_t index) {
    pb_float_environment inherited; /* that of the thread that started this one */
    pb_float_environment_enter(&inherited);
    self.computing = 1;
    self.n_scopes = 1; /* a worker is not a caller: its scopes are not counted */
    for (;;) {
        spin s = {0, 0};
        do {
            if (run_tasks(&pool.job, index, NULL) != 0) {
                s = (spin){0, 0};
            }
        } while (spin_once(&s, WORKER_SPINS_NS) &&
                 !(s.turns % 32 == 0 && shares_callers_processor()));
        sleep_until_woken(&pool.workers[index], index);
    }
}

/* Starts workers until there are n, or the system refuses; returns the number, at most n. Only for
 * the owner of the pool. */
static size_t start_workers(size_t n) {
    if (pool.n_refusals > 0) {
        pool.n_refusals--;
    }
    while (pool.n_workers < n && pool.n_refusals == 0) {
        worker *w = &pool.workers[pool.n_workers + 1];
        atomic_u64_store(&w->asleep, 0);
        if (handles_fork() && lock_new(&w->lock, &w->event) && thread_start(pool.n_workers + 1)) {
            pool.n_workers++;
        } else {
            pool.n_refusals = 1000; /* a failed start takes longer than many jobs */
        }
    }
    return n < pool.n_workers ? n : pool.n_workers;
}

/* ---- Callers --------------------------------------------------------------------------------- */

void pb_scope_enter(pb_scope *scope) {
    handles_fork(); /* registers the handler: a child must not count its parent's threads */
    if (self.n_scopes++ == 0) {
        atomic_u64_add(&pool.n_callers, 1);
    }
    pb_float_environment_enter(&scope->saved);
}

void pb_scope_leave(const pb_scope *scope) {
    pb_float_environment_leave(&scope->saved);
    if (--self.n_scopes == 0) {
        atomic_u64_add(&pool.n_callers, (uint64_t)0 - 1);
    }
}

/* Returns how many workers a caller may use for a job. */
static size_t count_helpers(size_t n_threads, size_t n_tasks) {
    const size_t max_threads = n_threads < PB_MAX_THREADS ? n_threads : PB_MAX_THREADS;
    const uint64_t others = atomic_u64_load(&pool.n_callers) - (self.n_scopes > 0);
    if (self.computing || others >= max_threads) {
        return 0;
    }
    const size_t n = max_threads - (size_t)others;
    return (n < n_tasks ? n : n_tasks) - 1;
}

static pb_status run_job(struct job *job, size_t n_threads, pb_interrupt *interrupt) {
    const uint64_t n_forks = atomic_u64_load(&pool.n_forks);
    job->n_shares = n_threads;
    for (size_t i = 0; n_threads > 1 && i < n_threads; i++) {
        atomic_u64_store(&pool.shares[i].n_begun, 0);
    }
    atomic_u64_store(&job->settled, 0);
    atomic_u64_store(&job->failure, PB_OK);
    atomic_u64_store(&job->ticket, (uint64_t)n_threads << TICKET_SHIFT | job->n_tasks);
    wake(n_threads);
    const uint64_t own = run_tasks(job, 0, interrupt);
    spin s = {0, 0};
    int spinning = 1;
    while (atomic_u64_load(&job->settled) + own < job->n_tasks) {
        if (atomic_u64_load(&pool.n_forks) != n_forks) {
            return PB_INTERRUPTED; /* in a child forked by a task or `poll` */
        }
        if (spinning) {
            spinning = spin_once(&s, CALLER_SPINS_NS);
            continue;
        }
        yield_thread();
        if (atomic_u64_load(&job->failure) == PB_OK && pb_interrupt_poll(interrupt) != PB_OK) {
            stop(job, PB_INTERRUPTED);
        }
    }
    return (pb_status)atomic_u64_load(&job->failure);
}

pb_status pb_threads_run(size_t n_threads, size_t n_tasks, pb_task *task, void *context,
                         pb_interrupt *interrupt) {
    if (n_tasks == 0) {
        return PB_OK;
    }
    if (TASKS_OF((uint64_t)n_tasks) != n_tasks) {
        return PB_TOO_LARGE;
    }
    const int was_computing = self.computing;
    const size_t n = count_helpers(n_threads, n_tasks);
    pb_status status;
    self.computing = 1;
    if (n > 0 && atomic_u64_load(&pool.busy) == 0 && atomic_u64_swap(&pool.busy, 1) == 0) {
        const uint64_t n_forks = atomic_u64_load(&pool.n_forks);
        pool.job.task = task;
        pool.job.context = context;
        pool.job.n_tasks = n_tasks;
        const size_t processor = processor_now();
        if (atomic_u64_load(&pool.processor) != processor) {
            atomic_u64_store(&pool.processor, processor);
        }
        status = run_job(&pool.job, 1 + start_workers(n), interrupt);
        if (atomic_u64_load(&pool.n_forks) == n_forks) { /* in a forked child it is already reset */
            atomic_u64_store(&pool.busy, 0);
        }
    } else {
        struct job alone = {.task = task, .context = context, .n_tasks = n_tasks};
        status = run_job(&alone, 1, interrupt);
    }
    self.computing = was_computing;
    return status;
}
