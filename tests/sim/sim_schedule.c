// Processes as coroutines of one thread, on virtual time. A call of a process passes time; whoever is due earliest goes on.
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

enum {
  STACK_SIZE = 1 << 20,
  PAUSE_MIN_US = 1000000,
  PAUSE_MAX_US = 60000000,
  CALLS_MAX = 3000000,
  DEAD_STEP_US = 60000000
};

static void *stacks[SIM_SLOTS];

static void *stack_of(uint32_t slot) {
  if (!stacks[slot]) {
    void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) {
      perror("icesink_sim: mmap");
      exit(2);
    }
    stacks[slot] = stack;
  }
  return stacks[slot];
}

void sim_release_stacks(void) {
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    if (stacks[i]) {
      munmap(stacks[i], STACK_SIZE);
      stacks[i] = NULL;
    }
  }
}

// Switching -----------------------------------------------------------------------------------------------------------

// The address sanitizer has to be told of every change of stacks.
static void before_switch(void **own, const void *stack, size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(own, stack, size);
#else
  (void)own;
  (void)stack;
  (void)size;
#endif
}

static void after_switch(void *own, const void **from, size_t *size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(own, from, size);
#else
  (void)own;
  (void)from;
  (void)size;
#endif
}

static void resume(sim_process *process) {
  sim *world = process->world;
  world->running = process;
  before_switch(&world->scheduler_fiber, process->stack, STACK_SIZE);
  swapcontext(&world->scheduler, &process->context);
  after_switch(world->scheduler_fiber, NULL, NULL);
  world->running = NULL;
}

static void suspend(sim_process *process) {
  sim *world = process->world;
  before_switch(&process->fiber, world->scheduler_stack, world->scheduler_stack_size);
  swapcontext(&process->context, &world->scheduler);
  after_switch(process->fiber, &world->scheduler_stack, &world->scheduler_stack_size);
}

// makecontext passes ints alone, so what a new process is waits here.
static sim_process *starting;

static void process_entry(void) {
  sim_process *process = starting;
  sim *world = process->world;
  after_switch(NULL, &world->scheduler_stack, &world->scheduler_stack_size);
  sim_process_main(process);
  process->alive = false;
  // The stack is not needed any more: no place for the sanitizer to keep.
  before_switch(NULL, world->scheduler_stack, world->scheduler_stack_size);
  swapcontext(&process->context, &world->scheduler);
}

// Time ----------------------------------------------------------------------------------------------------------------

static int64_t next_event_us(const sim *world, uint32_t *index) {
  int64_t at = INT64_MAX;
  for (uint32_t i = 0; i < world->event_count; i++) {
    if (world->events[i].at_us < at) {
      at = world->events[i].at_us;
      *index = i;
    }
  }
  return at;
}

static sim_process *next_process(sim *world) {
  sim_process *next = NULL;
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    sim_process *process = &world->processes[i];
    if (process->alive && (!next || process->wake_us < next->wake_us)) {
      next = process;
    }
  }
  return next;
}

void sim_wait(sim_process *process, int64_t us) {
  sim *world = process->world;
  if (process->dead) {
    process->dead_us += DEAD_STEP_US;
    return;
  }
  if (++world->calls > CALLS_MAX) {
    sim_fail(world, "the run does not end: %d calls", (int)CALLS_MAX);
    sim_kill(process);
    process->dead = true;
    return;
  }
  process->wake_us = world->now_us + us;
  uint32_t index;
  if (next_process(world) != process || next_event_us(world, &index) <= process->wake_us) {
    suspend(process);
  } else {
    world->now_us = process->wake_us;
  }
}

static int64_t latency(const sim *world, sim_cost cost) {
  int64_t most = world->scenario->fields[SIM_LATENCY_US];
  switch (cost) {
    case SIM_COST_NONE: return 0;
    case SIM_COST_SOURCE: return most / 8;
    case SIM_COST_STORE: return most / 16;
    case SIM_COST_CATALOG: break;
  }
  return most;
}

static bool pass(sim_process *process, sim_cost cost) {
  sim *world = process->world;
  if (process->dead) {
    return false;
  }
  int64_t us = sim_draw(world, latency(world, cost) + 1);
  if (sim_happens(world, SIM_PAUSE)) {
    us += PAUSE_MIN_US + sim_draw(world, PAUSE_MAX_US - PAUSE_MIN_US);
    process->paused_until_us = world->now_us + us;
  }
  sim_wait(process, us);
  return !process->dead;
}

static bool survives(sim_process *process) {
  if (sim_happens(process->world, SIM_CRASH)) {
    sim_kill(process);
  }
  return !process->dead;
}

bool sim_enter(sim_process *process, sim_cost cost) {
  sim *world = process->world;
  world->digest = sim_hash(world->digest, process->number, (uint64_t)world->now_us);
  return pass(process, cost) && survives(process);
}

bool sim_leave(sim_process *process, sim_cost cost) { return pass(process, cost) && survives(process); }

ice_status sim_dead(ice_error *err) { return sim_trouble(ICE_IO, ICE_ERROR_FATAL, "the process is dead", err); }

ice_status sim_trouble(ice_status status, uint32_t flags, const char *what, ice_error *err) {
  ice_error_set(err, status, "%s", what);
  if (err) {
    err->flags = flags;
  }
  return status;
}

void sim_kill(sim_process *process) {
  if (process->alive && !process->dead) {
    sim_trace(process->world, "process %u is killed", process->number);
    process->dead = true;
    process->stop = true;
    process->dead_us = process->world->now_us;
    process->wake_us = process->world->now_us;
  }
}

// Running -------------------------------------------------------------------------------------------------------------

sim_process *sim_start(sim *world, uint32_t slot, bool calm) {
  sim_process *process = &world->processes[slot];
  const int64_t *fields = world->scenario->fields;
  *process = (sim_process){.world = world,
                           .slot = slot,
                           .number = ++world->process_count,
                           .alive = true,
                           .calm = calm,
                           .until_end = calm,
                           .wake_us = world->now_us,
                           .stack = stack_of(slot),
                           .open_files = 0};
  process->random_state = sim_hash(world->scenario->seed, 4000, process->number);
  process->plan = (uint32_t)sim_draw(world, fields[SIM_PLAN_COUNT]) & (fields[SIM_ROUTED] ? 7 : 3);
  process->ordered = fields[SIM_ATOMIC] == 2 && sim_draw(world, 2) == 0;
  process->interval_ms = fields[SIM_INTERVAL_MS] / 2 + sim_draw(world, fields[SIM_INTERVAL_MS]);
  process->skew_us = (sim_draw(world, 2 * fields[SIM_SKEW_MS] + 1) - fields[SIM_SKEW_MS]) * 1000;
  process->batch_size = (uint32_t)(1 + sim_draw(world, 12));
  world->plans_used |= UINT32_C(1) << process->plan;
  sim_port_init(process);
  sim_store_init(process);
  getcontext(&process->context);
  process->context.uc_stack.ss_sp = process->stack;
  process->context.uc_stack.ss_size = STACK_SIZE;
  process->context.uc_link = NULL;
  makecontext(&process->context, process_entry, 0);
  sim_trace(world, "process %u starts in slot %u with plan %u%s%s", process->number, slot, process->plan,
            process->ordered ? ", ordered" : "", calm ? ", calm" : "");
  return process;
}

void sim_add_event(sim *world, const sim_event *event) {
  if (world->event_count == SIM_EVENTS_MAX) {
    sim_fail(world, "more than %d events", (int)SIM_EVENTS_MAX);
    return;
  }
  world->events[world->event_count++] = *event;
}

void sim_schedule(sim *world, bool (*done)(const sim *world)) {
  while (world->failure[0] == '\0' && !done(world)) {
    uint32_t index = 0;
    sim_process *process = next_process(world);
    int64_t event_us = next_event_us(world, &index);
    if (!process && event_us == INT64_MAX) {
      return;
    }
    if (!process || event_us <= process->wake_us) {
      sim_event event = world->events[index];
      world->events[index] = world->events[--world->event_count];
      world->now_us = event.at_us > world->now_us ? event.at_us : world->now_us;
      sim_event_run(world, &event);
      continue;
    }
    world->now_us = process->wake_us > world->now_us ? process->wake_us : world->now_us;
    starting = process;
    resume(process);
    if (!process->alive) {
      sim_process_ended(world, process);
    }
  }
}
