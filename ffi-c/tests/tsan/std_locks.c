/*
 * Tells ThreadSanitizer what the standard library of Rust does.
 *
 *   the engine --> __wrap_<function of std> --> __real_<function of std>
 *                  + what it releases           compiled without ThreadSanitizer
 *                  + what it acquires
 *
 * The engine is compiled with ThreadSanitizer; std comes compiled, without. A lock that is free is
 * taken by code that is inlined into the engine, and seen. Waiting for one, and for a condition, is
 * done inside std, and would be taken for no synchronisation at all. Nothing is suppressed: each
 * function says of the very lock that it got what it has done.
 *
 * `run.sh` finds the names of the functions and gives them as macros.
 */

#include <stdbool.h>
#include <stdint.h>

void __tsan_acquire(void *);
void __tsan_release(void *);

#define PASTE(prefix, name) prefix##name
#define WRAP(name) PASTE(__wrap_, name)
#define REAL(name) PASTE(__real_, name)

/* Mutex::lock_contended(&self) */
void REAL(MUTEX_LOCK)(void *);
void WRAP(MUTEX_LOCK)(void *mutex)
{
    REAL(MUTEX_LOCK)(mutex);
    __tsan_acquire(mutex);
}

/* RwLock::read_contended(&self), write_contended(&self); its state is one of two words. */
void REAL(RWLOCK_READ)(uint32_t *);
void WRAP(RWLOCK_READ)(uint32_t *lock)
{
    REAL(RWLOCK_READ)(lock);
    __tsan_acquire(lock);
    __tsan_acquire(lock + 1);
}

void REAL(RWLOCK_WRITE)(uint32_t *);
void WRAP(RWLOCK_WRITE)(uint32_t *lock)
{
    REAL(RWLOCK_WRITE)(lock);
    __tsan_acquire(lock);
    __tsan_acquire(lock + 1);
}

/* Condvar::wait(&self, &Mutex), wait_timeout(&self, &Mutex, Duration) -> bool */
void REAL(CONDVAR_WAIT)(void *, void *);
void WRAP(CONDVAR_WAIT)(void *condition, void *mutex)
{
    __tsan_release(mutex);
    REAL(CONDVAR_WAIT)(condition, mutex);
    __tsan_acquire(mutex);
}

bool REAL(CONDVAR_WAIT_TIMEOUT)(void *, void *, uint64_t, uint32_t);
bool WRAP(CONDVAR_WAIT_TIMEOUT)(void *condition, void *mutex, uint64_t seconds, uint32_t nanos)
{
    bool notified;
    __tsan_release(mutex);
    notified = REAL(CONDVAR_WAIT_TIMEOUT)(condition, mutex, seconds, nanos);
    __tsan_acquire(mutex);
    return notified;
}

/*
 * Arc counts down with Release, and the last one passes a fence of Acquire before it frees;
 * ThreadSanitizer knows no fences. Counting down with both orders is the same to it.
 */
enum { RELEASE = 3, ACQUIRE_AND_RELEASE = 4 };

uint64_t __real___tsan_atomic64_fetch_sub(volatile uint64_t *, uint64_t, int);
uint64_t __wrap___tsan_atomic64_fetch_sub(volatile uint64_t *count, uint64_t by, int order)
{
    return __real___tsan_atomic64_fetch_sub(
        count, by, order == RELEASE ? ACQUIRE_AND_RELEASE : order);
}
