/* Atomic variables, threads, locks and clocks of each compiler and operating system. Only
 * thread_pool.c includes it, and defines the two functions declared below. */
#ifndef PB_THREAD_PLATFORM_H
#define PB_THREAD_PLATFORM_H

#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#    define _GNU_SOURCE 1 /* -std=c11 hides extensions of <signal.h>, <time.h>, <sched.h> */
#endif

#include <stddef.h>
#include <stdint.h>

static void worker_main(size_t index); /* runs in each worker */
static void reset_after_fork(void);    /* runs in a forked child, before fork returns */

/* ---- Atomic variables ------------------------------------------------------------------------ */

/* 64 bits, sequentially consistent. atomic_u64_compare_swap stores the value that it found in
 * *expected. */
#if defined(_MSC_VER) || defined(__STDC_NO_ATOMICS__)

#    define WIN32_LEAN_AND_MEAN
#    include <windows.h>

typedef volatile LONG64 atomic_u64;

static inline uint64_t atomic_u64_load(atomic_u64 *w) {
#    if defined(_WIN64)
    return (uint64_t)ReadAcquire64(w); /* sufficient, since every write is a full barrier */
#    else
    return (uint64_t)InterlockedCompareExchange64(w, 0, 0);
#    endif
}
static inline uint64_t atomic_u64_swap(atomic_u64 *w, uint64_t value) {
    return (uint64_t)InterlockedExchange64(w, (LONG64)value);
}
static inline void atomic_u64_store(atomic_u64 *w, uint64_t value) { atomic_u64_swap(w, value); }
/* Returns the previous value. */
static inline uint64_t atomic_u64_add(atomic_u64 *w, uint64_t value) {
    return (uint64_t)InterlockedExchangeAdd64(w, (LONG64)value);
}
static inline int atomic_u64_compare_swap(atomic_u64 *w, uint64_t *expected, uint64_t value) {
    const uint64_t before = *expected;
    *expected = (uint64_t)InterlockedCompareExchange64(w, (LONG64)value, (LONG64)before);
    return *expected == before;
}

#else

#    include <stdatomic.h>

typedef _Atomic uint64_t atomic_u64;

static inline uint64_t atomic_u64_load(atomic_u64 *w) { return atomic_load(w); }
static inline uint64_t atomic_u64_swap(atomic_u64 *w, uint64_t value) {
    return atomic_exchange(w, value);
}
static inline void atomic_u64_store(atomic_u64 *w, uint64_t value) { atomic_store(w, value); }
/* Returns the previous value. */
static inline uint64_t atomic_u64_add(atomic_u64 *w, uint64_t value) {
    return atomic_fetch_add(w, value);
}
static inline int atomic_u64_compare_swap(atomic_u64 *w, uint64_t *expected, uint64_t value) {
    return atomic_compare_exchange_strong(w, expected, value);
}

#endif

/* ---- Threads, locks and clocks --------------------------------------------------------------- */

#if defined(_WIN32)

#    define WIN32_LEAN_AND_MEAN
#    include <windows.h>

typedef SRWLOCK lock;
typedef CONDITION_VARIABLE event;

static inline int lock_new(lock *l, event *b) {
    InitializeSRWLock(l);
    InitializeConditionVariable(b);
    return 1;
}
static inline void lock_acquire(lock *l) { AcquireSRWLockExclusive(l); }
static inline void lock_release(lock *l) { ReleaseSRWLockExclusive(l); }
static inline void event_wait(event *b, lock *l) { SleepConditionVariableSRW(b, l, INFINITE, 0); }
static inline void event_signal(event *b) { WakeConditionVariable(b); }

static DWORD WINAPI thread_main(void *index) {
    worker_main((size_t)index);
    return 0;
}

static inline int thread_start(size_t index) {
    HANDLE thread = CreateThread(NULL, 0, thread_main, (void *)index, 0, NULL);
    if (thread != NULL) {
        CloseHandle(thread); /* the thread continues */
    }
    return thread != NULL;
}

static inline int handles_fork(void) {
    (void)reset_after_fork; /* there is no fork */
    return 1;
}

static inline uint64_t nanoseconds(void) {
    LARGE_INTEGER count, frequency;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&frequency);
    return (uint64_t)((double)count.QuadPart * 1e9 / (double)frequency.QuadPart);
}

static inline void cpu_relax(void) { YieldProcessor(); }
static inline void yield_thread(void) { SwitchToThread(); }

#else

#    include <pthread.h>
#    include <sched.h>
#    include <signal.h>
#    include <time.h>

typedef pthread_mutex_t lock;
typedef pthread_cond_t event;

static inline int lock_new(lock *l, event *b) {
    return pthread_mutex_init(l, NULL) == 0 && pthread_cond_init(b, NULL) == 0;
}
static inline void lock_acquire(lock *l) { pthread_mutex_lock(l); }
static inline void lock_release(lock *l) { pthread_mutex_unlock(l); }
static inline void event_wait(event *b, lock *l) { pthread_cond_wait(b, l); }
static inline void event_signal(event *b) { pthread_cond_signal(b); }

static inline void *thread_main(void *index) {
    worker_main((size_t)index);
    return NULL;
}

/* Starts a worker with signals blocked, so that the threads of the program handle them. A worker
 * inherits the mask and so blocks them from its first instruction on. Signals raised by its own
 * instructions stay unblocked, since no other thread can handle them. */
static inline int thread_start(size_t index) {
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t all, before;
    sigfillset(&all);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        sigdelset(&all, own[i]);
    }
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int started = pthread_create(&thread, NULL, thread_main, (void *)index) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) {
        pthread_detach(thread);
    }
    return started;
}

static int atfork_status;
static inline void register_fork_handler(void) {
    atfork_status = pthread_atfork(NULL, NULL, reset_after_fork);
}

static inline int handles_fork(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    return pthread_once(&once, register_fork_handler) == 0 && atfork_status == 0;
}

static inline uint64_t nanoseconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Tells the processor that this loop waits: it saves power and leaves resources to a sibling
 * thread. */
static inline void cpu_relax(void) {
#    if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
    __asm__ volatile("pause");
#    elif defined(__GNUC__) && (defined(__aarch64__) || defined(__ARM_ARCH_7A__))
    __asm__ volatile("yield");
#    endif
}
static inline void yield_thread(void) { sched_yield(); }

#endif

/* A scheduler may wake a thread on the processor of the waking thread and leave it there for some
 * milliseconds although another processor is idle: on Linux with two processors, wake-ups took 4 ms
 * instead of 0.04 ms. So before it sleeps, a worker removes the caller's processor from its
 * affinity mask, and restores the mask when it is awake. */
#define NO_PROCESSOR SIZE_MAX

#if defined(__linux__) && defined(CPU_COUNT)

typedef cpu_set_t processors;

static inline size_t processor_now(void) { return (size_t)sched_getcpu(); } /* -1: unknown */

/* Returns whether it was removed: not if it is the only one. */
static inline int processor_exclude(size_t processor, processors *before) {
    if (processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof *before, before) != 0 ||
        !CPU_ISSET(processor, before) || CPU_COUNT(before) < 2) {
        return 0;
    }
    processors others = *before;
    CPU_CLR(processor, &others);
    return sched_setaffinity(0, sizeof others, &others) == 0;
}

/* Restores the processor, unless the mask was changed in the meantime. */
static inline void processor_restore(size_t processor, const processors *before) {
    processors now;
    if (sched_getaffinity(0, sizeof now, &now) == 0) {
        CPU_SET(processor, &now);
        if (CPU_EQUAL(&now, before)) {
            sched_setaffinity(0, sizeof now, &now);
        }
    }
}

#else

typedef size_t processors;

static inline size_t processor_now(void) { return NO_PROCESSOR; }
static inline int processor_exclude(size_t processor, processors *before) {
    *before = processor;
    return 0;
}
static inline void processor_restore(size_t processor, const processors *before) {
    (void)processor;
    (void)before;
}

#endif

/* glibc allocates the thread-local variables of a library when a thread first uses them, and ends
 * the process if that fails. In the initial-exec model they are part of the thread itself; glibc
 * reserves some bytes for libraries that are loaded later. */
#if defined(_MSC_VER)
#    define PER_THREAD __declspec(thread)
#elif defined(__GLIBC__)
#    define PER_THREAD _Thread_local __attribute__((tls_model("initial-exec")))
#else
#    define PER_THREAD _Thread_local
#endif

#endif
