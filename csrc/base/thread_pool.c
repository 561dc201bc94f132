/* The pool, and the only state that outlives a call.
 *
 * A job often takes 20 to 50 microseconds and the next one follows at once, so handing it over
 * must cost a few cache misses and no call to the system. Workers that have just worked watch
 * one word, the ticket: how many parts nobody has claimed yet, and how many threads may claim.
 *
 *     begin    the caller writes the job's description, then the ticket
 *     claim    compare-and-swap of the ticket with the same ticket less one part; which part that
 *              is, the claimant then takes from the threads' shares, its own first
 *     settle   a worker counts each part that it has run; whoever stops a job takes all parts off
 *              the ticket and counts those
 *     end      when every part is settled that the caller did not run itself
 *
 * Everything that decides whether a claim is right stands in the ticket. So a worker that was put
 * aside between looking and claiming cannot claim wrongly, even if the ticket is a later job's by
 * then; and it reads the description after its claim only, which keeps the job from ending and the
 * description from changing. The caller waits for claimed parts alone: a worker that does not get
 * to run holds up nobody.
 *
 * A worker that has found nothing for some time sleeps. It sets its `asleep`, then looks at the
 * ticket once more; the caller writes the ticket, then looks at `asleep`. All atomics are
 * sequentially consistent, so one of the two sees the other. From its last look to its sleep the
 * worker holds its lock, which the caller takes to wake it.
 *
 * A forked child has the forking thread alone, and memory as it was at that moment. It makes the
 * pool as new, locks included, and starts workers of its own when it wants some.
 *
 * Workers are detached and touch static memory only, so a process may end whatever they do. */
#include "base/thread_platform.h" /* first: it chooses what the system's headers declare */

#include "base/interrupt.h"
#include "base/thread_pool.h"

/* ---- State ----------------------------------------------------------------------------------- */

/* What different threads write lies this far apart: two cache lines, as processors fetch pairs. */
#define APART _Alignas(128)

struct job {
    APART word ticket;  /* threads that may claim << TICKET_SHIFT | parts not yet claimed        */
    APART word settled; /* parts that others than the caller have run, or nobody will            */
    APART word failure; /* the first status other than PB_OK                                     */
    pb_part *part;      /* the description: written while the ticket has no part, read by those  */
    void *context;      /* who have claimed one                                                  */
    uint64_t n_parts;
    uint64_t n_shares; /* threads that the parts are shared out to                              */
};

/* How many parts of a thread's share have been begun. */
typedef struct share {
    APART word n_begun;
} share;

#define TICKET_SHIFT       48
#define PARTS_OF(ticket)   ((ticket) & (((uint64_t)1 << TICKET_SHIFT) - 1))
#define THREADS_OF(ticket) ((ticket) >> TICKET_SHIFT)

struct pb_watch {
    struct job *job;
    pb_interrupt *interrupt; /* NULL, which never stops, in all threads but the caller's */
};

typedef struct worker {
    APART word asleep;
    lock lock;
    bell bell;
} worker;

static struct pool {
    struct job job;

    APART word busy;  /* whether a caller has the pool; the next three are that caller's to write */
    size_t n_workers; /* started */
    size_t n_refusals; /* jobs to come before another one is asked for */
    word processor;    /* where the caller is */

    APART word n_callers; /* threads that are inside a scope */
    word n_forks;
    word limit;

    worker workers[PB_MAX_THREADS]; /* 1 ... n_workers; nobody is 0 */
    share shares[PB_MAX_THREADS];   /* of the job */
} pool;

static PER_THREAD struct {
    uint64_t n_scopes;
    int working; /* inside pb_threads_run, or a worker */
} self;

int pb_thread_limit(void) { return (int)(int64_t)word_load(&pool.limit); }
void pb_set_thread_limit(int limit) { word_store(&pool.limit, (uint64_t)(int64_t)limit); }

/* Nobody else runs yet. */
static void forked(void) {
    word_store(&pool.job.ticket, 0);
    word_store(&pool.n_callers, self.n_scopes > 0);
    word_add(&pool.n_forks, 1);
    pool.n_workers = pool.n_refusals = 0;
    word_store(&pool.busy, 0);
}

/* ---- Waiting --------------------------------------------------------------------------------- */

/* A worker goes to sleep after the first, longer than the gap between two jobs of one training;
 * a caller lets other threads run after the second. */
#define WORKER_SPINS_NS 50000
#define CALLER_SPINS_NS 10000

typedef struct spin {
    unsigned turns;
    uint64_t start;
} spin;

/* Passes a moment; whether there is time for another, by a clock that costs as much as a dozen. */
static int spin_on(spin *s, uint64_t limit) {
    breathe();
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
    return PARTS_OF(ticket) != 0 && thread < THREADS_OF(ticket);
}

/* Whether a worker that spins takes time from the caller: better sleep, and wake elsewhere. */
static int in_the_way(void) {
    const size_t processor = processor_now();
    return processor != NO_PROCESSOR && word_load(&pool.processor) == processor;
}

/* May wake for no reason. */
static void sleep_until_rung(worker *w, size_t index) {
    processors before;
    const size_t callers = (size_t)word_load(&pool.processor);
    const int given_up = processor_give_up(callers, &before);
    lock_take(&w->lock);
    word_store(&w->asleep, 1);
    if (!may_claim(word_load(&pool.job.ticket), index)) {
        bell_wait(&w->bell, &w->lock);
    }
    word_store(&w->asleep, 0);
    lock_give(&w->lock);
    if (given_up) {
        processor_claim(callers, &before);
    }
}

/* Rings for each sleeping thread of the job, as long as there is something to do. */
static void wake(size_t n_threads) {
    for (size_t i = 1; i < n_threads; i++) {
        worker *w = &pool.workers[i];
        if (word_load(&w->asleep) == 0) {
            continue;
        }
        if (!may_claim(word_load(&pool.job.ticket), i)) {
            return;
        }
        /* Once is enough: before it sleeps again it will set this and look at the ticket. */
        word_store(&w->asleep, 0);
        lock_take(&w->lock); /* now it waits, or has seen the ticket */
        lock_give(&w->lock); /* before the bell, or it would wake to wait for the lock */
        bell_ring(&w->bell);
    }
}

/* ---- Parts ----------------------------------------------------------------------------------- */

/* Only for who has claimed a part that is not settled yet, or is the caller. */
static void stop(struct job *job, pb_status status) {
    uint64_t expected = PB_OK;
    word_claim(&job->failure, &expected, (uint64_t)status);
    word_add(&job->settled, PARTS_OF(word_swap(&job->ticket, 0)));
}

/* The part for a claim: of the thread's own share while it lasts, then of the next ones'. There are
 * no more claims than parts, so there is one. */
static size_t begin_part(const struct job *job, size_t thread) {
    for (uint64_t i = 0;; i++) {
        const uint64_t s = (thread + i) % job->n_shares;
        const uint64_t first = job->n_parts * s / job->n_shares;
        const uint64_t count = job->n_parts * (s + 1) / job->n_shares - first;
        word *const n_begun = &pool.shares[s].n_begun;
        if (word_load(n_begun) < count) {
            const uint64_t k = word_add(n_begun, 1);
            if (k < count) {
                return (size_t)(first + k);
            }
        }
    }
}

static int claim(struct job *job, size_t thread, size_t *part) {
    uint64_t ticket = word_load(&job->ticket);
    while (may_claim(ticket, thread)) {
        if (word_claim(&job->ticket, &ticket, ticket - 1)) {
            *part = job->n_shares == 1 ? (size_t)(job->n_parts - PARTS_OF(ticket))
                                       : begin_part(job, thread);
            return 1;
        }
    }
    return 0;
}

/* Claims parts and runs them until there is none; how many. */
static uint64_t run_parts(struct job *job, size_t thread, pb_interrupt *interrupt) {
    pb_watch watch = {job, interrupt};
    uint64_t n = 0;
    for (size_t part = 0; claim(job, thread, &part); n++) {
        pb_status status = job->part(job->context, part, thread, &watch);
        if (status == PB_OK && PARTS_OF(word_load(&job->ticket)) != 0) {
            status = pb_interrupt_poll(interrupt);
        }
        if (status != PB_OK) {
            stop(job, status);
        }
        if (thread != 0) {
            word_add(&job->settled, 1); /* the job may end here */
        }
    }
    return n;
}

pb_status pb_watch_check(pb_watch *watch) {
    if (word_load(&watch->job->failure) != PB_OK) {
        return PB_INTERRUPTED;
    }
    const pb_status status = pb_interrupt_poll(watch->interrupt);
    if (status != PB_OK) {
        stop(watch->job, status); /* others hear of it at once */
    }
    return status;
}

/* ---- Workers --------------------------------------------------------------------------------- */

static void work_for_ever(size_t index) {
    pb_float_environment inherited; /* whatever the thread had that started this one */
    pb_float_environment_enter(&inherited);
    self.working = 1;
    self.n_scopes = 1; /* a worker is no caller: a scope in a part does not count */
    for (;;) {
        spin s = {0, 0};
        do {
            if (run_parts(&pool.job, index, NULL) != 0) {
                s = (spin){0, 0};
            }
        } while (spin_on(&s, WORKER_SPINS_NS) && !(s.turns % 32 == 0 && in_the_way()));
        sleep_until_rung(&pool.workers[index], index);
    }
}

/* Starts workers until there are n, if that can be; how many there are, up to n. Only for who has
 * the pool. */
static size_t start_workers(size_t n) {
    if (pool.n_refusals > 0) {
        pool.n_refusals--;
    }
    while (pool.n_workers < n && pool.n_refusals == 0) {
        worker *w = &pool.workers[pool.n_workers + 1];
        word_store(&w->asleep, 0);
        if (survives_fork() && lock_new(&w->lock, &w->bell) && thread_start(pool.n_workers + 1)) {
            pool.n_workers++;
        } else {
            pool.n_refusals = 1000; /* asking takes longer than many a job */
        }
    }
    return n < pool.n_workers ? n : pool.n_workers;
}

/* ---- Callers --------------------------------------------------------------------------------- */

void pb_scope_enter(pb_scope *scope) {
    survives_fork(); /* or the child would count threads that it does not have */
    if (self.n_scopes++ == 0) {
        word_add(&pool.n_callers, 1);
    }
    pb_float_environment_enter(&scope->saved);
}

void pb_scope_leave(const pb_scope *scope) {
    pb_float_environment_leave(&scope->saved);
    if (--self.n_scopes == 0) {
        word_add(&pool.n_callers, (uint64_t)0 - 1);
    }
}

/* How many threads beside its own a caller may have for a job. */
static size_t n_beside(size_t n_threads, size_t n_parts) {
    const size_t most = n_threads < PB_MAX_THREADS ? n_threads : PB_MAX_THREADS;
    const uint64_t others = word_load(&pool.n_callers) - (self.n_scopes > 0);
    if (self.working || others >= most) {
        return 0;
    }
    const size_t n = most - (size_t)others;
    return (n < n_parts ? n : n_parts) - 1;
}

static pb_status run_job(struct job *job, size_t n_threads, pb_interrupt *interrupt) {
    const uint64_t n_forks = word_load(&pool.n_forks);
    job->n_shares = n_threads;
    for (size_t i = 0; n_threads > 1 && i < n_threads; i++) {
        word_store(&pool.shares[i].n_begun, 0);
    }
    word_store(&job->settled, 0);
    word_store(&job->failure, PB_OK);
    word_store(&job->ticket, (uint64_t)n_threads << TICKET_SHIFT | job->n_parts);
    wake(n_threads);
    const uint64_t own = run_parts(job, 0, interrupt);
    spin s = {0, 0};
    int spinning = 1;
    while (word_load(&job->settled) + own < job->n_parts) {
        if (word_load(&pool.n_forks) != n_forks) {
            return PB_INTERRUPTED; /* in a child that a part or `ask` forked: others are gone */
        }
        if (spinning) {
            spinning = spin_on(&s, CALLER_SPINS_NS);
            continue;
        }
        give_way();
        if (word_load(&job->failure) == PB_OK && pb_interrupt_poll(interrupt) != PB_OK) {
            stop(job, PB_INTERRUPTED);
        }
    }
    return (pb_status)word_load(&job->failure);
}

pb_status pb_threads_run(size_t n_threads, size_t n_parts, pb_part *part, void *context,
                         pb_interrupt *interrupt) {
    if (n_parts == 0) {
        return PB_OK;
    }
    if (PARTS_OF((uint64_t)n_parts) != n_parts) {
        return PB_TOO_LARGE;
    }
    const int was_working = self.working;
    const size_t n = n_beside(n_threads, n_parts);
    pb_status status;
    self.working = 1;
    if (n > 0 && word_load(&pool.busy) == 0 && word_swap(&pool.busy, 1) == 0) {
        const uint64_t n_forks = word_load(&pool.n_forks);
        pool.job.part = part;
        pool.job.context = context;
        pool.job.n_parts = n_parts;
        const size_t processor = processor_now();
        if (word_load(&pool.processor) != processor) {
            word_store(&pool.processor, processor);
        }
        status = run_job(&pool.job, 1 + start_workers(n), interrupt);
        if (word_load(&pool.n_forks) == n_forks) { /* a child has the pool as new */
            word_store(&pool.busy, 0);
        }
    } else {
        struct job alone = {.part = part, .context = context, .n_parts = n_parts};
        status = run_job(&alone, 1, interrupt);
    }
    self.working = was_working;
    return status;
}
