/// The memory budget of one pipeline: a counter of held bytes that every part adds to and takes from.
/// It refuses nothing by itself; who drives the pipeline reads it and answers with back-pressure or spilling.
///
/// Threads: any; the counters are atomic.
#ifndef ICE_BASE_BUDGET_H
#define ICE_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct ice_budget {
  int64_t limit;
  _Atomic int64_t used;
  _Atomic int64_t peak;
} ice_budget;

static inline void ice_budget_init(ice_budget *budget, int64_t limit) {
  budget->limit = limit;
  atomic_init(&budget->used, 0);
  atomic_init(&budget->peak, 0);
}

/// Add `delta` bytes (negative gives back). A NULL budget counts nothing.
static inline void ice_budget_add(ice_budget *budget, int64_t delta) {
  if (!budget || delta == 0) {
    return;
  }
  int64_t now = atomic_fetch_add_explicit(&budget->used, delta, memory_order_relaxed) + delta;
  int64_t peak = atomic_load_explicit(&budget->peak, memory_order_relaxed);
  while (now > peak && !atomic_compare_exchange_weak_explicit(&budget->peak, &peak, now, memory_order_relaxed,
                                                              memory_order_relaxed)) {
  }
}

static inline int64_t ice_budget_used(const ice_budget *budget) {
  return atomic_load_explicit(&budget->used, memory_order_relaxed);
}

static inline bool ice_budget_exceeded(const ice_budget *budget) { return ice_budget_used(budget) > budget->limit; }

#endif
