// The operating system of a process: virtual time, randomness from the seed; its files are sim_disk.c's.
#include "sim.h"

enum { OVERSLEEP = 40 };

static const int64_t epoch_us = INT64_C(1700000000) * 1000000;

// Clock ---------------------------------------------------------------------------------------------------------------

// A dead process' clock runs fast, so that it waits for nothing.
static int64_t monotonic_us(void *context) {
  sim_process *process = context;
  if (process->dead) {
    process->dead_us += 1000000;
    return process->dead_us;
  }
  return process->world->now_us;
}

static int64_t now_us(void *context) {
  return epoch_us + monotonic_us(context) + ((const sim_process *)context)->skew_us;
}

// A busy machine wakes a sleeper late. That keeps waits of a minute in steps of two milliseconds cheap, too.
static void wait_us(void *context, int64_t us) {
  sim_process *process = context;
  sim *world = process->world;
  if (us > 0) {
    sim_wait(process, us + sim_draw(world, us * OVERSLEEP));
  }
}

// Randomness ----------------------------------------------------------------------------------------------------------

static void fill_from(uint64_t *state, uint8_t *to, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (i % 8 == 0) {
      *state = sim_hash(*state, 5000, 1);
    }
    to[i] = (uint8_t)(*state >> (i % 8 * 8));
  }
}

static ice_status fill(void *context, void *data, size_t size, ice_error *err) {
  sim_process *process = context;
  if (process->dead) {
    return sim_dead(err);
  }
  if (sim_happens(process->world, SIM_RANDOM_FAILS)) {
    return sim_trouble(ICE_IO, 0, "no random bytes", err);
  }
  fill_from(&process->random_state, data, size);
  return ICE_OK;
}

void sim_port_init(sim_process *process) {
  process->system = (sim_system){.world = process->world, .process = process};
  process->port =
      (ice_port){.clock = {.context = process, .now_us = now_us, .monotonic_us = monotonic_us, .wait_us = wait_us},
                 .random = {.context = process, .fill = fill},
                 .files = sim_disk_files(&process->system)};
}

// The world's own -----------------------------------------------------------------------------------------------------

static int64_t world_monotonic_us(void *context) { return ((const sim *)context)->now_us; }
static int64_t world_now_us(void *context) { return epoch_us + world_monotonic_us(context); }

static ice_status world_fill(void *context, void *data, size_t size, ice_error *err) {
  (void)err;
  fill_from(&((sim *)context)->random_state, data, size);
  return ICE_OK;
}

void sim_world_port_init(sim *world) {
  world->system = (sim_system){.world = world};
  world->random_state = sim_hash(world->scenario->seed, 4001, 0);
  world->port = (ice_port){.clock = {.context = world, .now_us = world_now_us, .monotonic_us = world_monotonic_us},
                           .random = {.context = world, .fill = world_fill},
                           .files = sim_disk_files(&world->system)};
}
