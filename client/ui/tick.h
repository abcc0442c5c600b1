/* SPDX-License-Identifier: ISC */
/* A condition of threads whose waits end now and then: a signal wakes nobody who waits. */
#ifndef CLIENT_UI_TICK_H
#define CLIENT_UI_TICK_H

#include <pthread.h>

/* Make a lock and the condition that goes with it. */
void tick_init(pthread_mutex_t *lock, pthread_cond_t *changed);

/* Wait for changed, at most 200 ms. The caller holds the lock. */
void tick_wait(pthread_mutex_t *lock, pthread_cond_t *changed);

#endif
