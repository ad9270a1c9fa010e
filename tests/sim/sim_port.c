// The operating system of a process: virtual time, randomness from the seed, and as files only what spilling needs.
#include "sim.h"

#include <stdlib.h>

enum { SPILL_FILES_MAX = 64, CLOCK_STEP_US = 1, OVERSLEEP = 40 };

static const int64_t epoch_us = INT64_C(1700000000) * 1000000;

// Clock ---------------------------------------------------------------------------------------------------------------

// Reading the clock takes a moment, so that no loop of a process ever stands still.
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

// Files ---------------------------------------------------------------------------------------------------------------

/// Temporary files of all processes; a handle is a place here.
static ice_bytes files[SPILL_FILES_MAX];
static bool files_used[SPILL_FILES_MAX];

static ice_status spill_trouble(sim_process *process, ice_error *err) {
  if (!sim_enter(process, SIM_COST_STORE)) {
    return sim_dead(err);
  }
  return sim_happens(process->world, SIM_SPILL_FAILS)
             ? sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "No space left on device", err)
             : ICE_OK;
}

static ice_status file_open(void *context, const char *path, ice_file_mode mode, ice_file *out, ice_error *err) {
  sim_process *process = context;
  *out = -1;
  if (mode != ICE_FILE_TEMPORARY) {
    return ice_error_set(err, ICE_UNSUPPORTED, "the simulator has no file %s", path);
  }
  ice_status status = spill_trouble(process, err);
  for (int i = 0; status == ICE_OK && *out < 0; i++) {
    if (i == SPILL_FILES_MAX) {
      status = ice_error_set(err, ICE_LIMIT, "too many spill files");
    } else if (!files_used[i]) {
      files_used[i] = true;
      ice_bytes_init(&files[i], 1 << 28);
      process->open_files++;
      *out = i;
    }
  }
  return status;
}

// Closing is no call that fails: the system does it for a dead process too.
static void file_close(void *context, ice_file file) {
  sim_process *process = context;
  ice_bytes_deinit(&files[file]);
  files_used[file] = false;
  process->open_files--;
}

static ice_status file_read_at(void *context, ice_file file, int64_t offset, void *data, size_t size, size_t *got,
                               ice_error *err) {
  *got = 0;
  ice_status status = spill_trouble(context, err);
  if (status != ICE_OK) {
    return status;
  }
  size_t at = (size_t)offset;
  size_t left = at < files[file].size ? files[file].size - at : 0;
  *got = left < size ? left : size;
  if (*got > 0) {
    memcpy(data, files[file].data + at, *got);
  }
  return ICE_OK;
}

static ice_status file_write(void *context, ice_file file, const void *data, size_t size, ice_error *err) {
  ice_status status = spill_trouble(context, err);
  if (status != ICE_OK) {
    // Half of it arrived, as when a disk fills up.
    (void)!ice_bytes_append(&files[file], data, size / 2, NULL);
    return status;
  }
  return ice_bytes_append(&files[file], data, size, err);
}

void sim_port_init(sim_process *process) {
  process->port = (ice_port){
      .clock = {.context = process, .now_us = now_us, .monotonic_us = monotonic_us, .wait_us = wait_us},
      .random = {.context = process, .fill = fill},
      .files = {
          .context = process, .open = file_open, .close = file_close, .read_at = file_read_at, .write = file_write}};
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
  world->random_state = sim_hash(world->scenario->seed, 4001, 0);
  world->port = (ice_port){.clock = {.context = world, .now_us = world_now_us, .monotonic_us = world_monotonic_us},
                           .random = {.context = world, .fill = world_fill}};
}
