// The broker: logs that grow, a consumer group, fetches that fail.
#include "sim.h"

#include <stdlib.h>

enum { FETCH_MAX = 9 };

typedef struct sim_source {
  ice_source base;
  sim_process *process;
  ice_source_partition partitions[SIM_PARTITIONS_MAX];
  uint32_t turn;
} sim_source;

static sim_source *self_of(ice_source *source) { return (sim_source *)(void *)source; }

static bool in_group(const sim_process *process) {
  return process->world->scenario->fields[SIM_GROUP] && !process->calm;
}

// Trouble of every call: death, and a broker that cannot be reached.
static ice_status begin(sim_process *process, ice_error *err) {
  if (!sim_enter(process, SIM_COST_SOURCE)) {
    return sim_dead(err);
  }
  return sim_happens(process->world, SIM_SOURCE_FAILS)
             ? sim_trouble(ICE_IO, ICE_ERROR_RETRYABLE, "the broker cannot be reached", err)
             : ICE_OK;
}

static void exclude(sim_source *self) {
  const sim_process *process = self->process;
  for (uint32_t i = 0; i < self->base.partition_count; i++) {
    self->partitions[i].excluded =
        in_group(process) && (self->base.joining || process->world->owners[i] != (int32_t)process->slot);
  }
}

static ice_status source_refresh(ice_source *source, ice_error *err) {
  sim_source *self = self_of(source);
  const sim *world = self->process->world;
  ice_status status = begin(self->process, err);
  if (status != ICE_OK) {
    return status;
  }
  for (uint32_t i = 0; i < world->partition_count; i++) {
    ice_source_partition *partition = &self->partitions[i];
    if (i >= self->base.partition_count) {
      *partition =
          (ice_source_partition){.topic = ICE_STR("t"), .partition = (int32_t)i, .next = -1, .committed = -1};
      // The group says whose it is when it divides anew.
      partition->excluded = in_group(self->process);
    }
    partition->log_start = world->log[i].start;
    partition->log_end = world->log[i].end;
  }
  self->base.partition_count = world->partition_count;
  return ICE_OK;
}

static ice_status source_seek(ice_source *source, uint32_t partition, int64_t offset, ice_error *err) {
  sim_source *self = self_of(source);
  if (self->process->dead) {
    return sim_dead(err);
  }
  self->partitions[partition].next = offset;
  self->partitions[partition].assigned = true;
  return ICE_OK;
}

// Whether the group wants something: first of all to take everything away, or to give what was divided.
static bool group_wants(const sim_process *process) {
  return in_group(process) && (process->revoked || process->generation != process->world->generation);
}

static ice_status add_record(sim_source *self, ice_chunk *chunk, uint32_t partition, int64_t offset, ice_error *err) {
  sim_record record = sim_record_at(self->process->world, partition, offset);
  ice_chunk_range range = {.partition = partition, .from = offset, .to = offset + 1, .record_count = !record.gap};
  ice_status status = ICE_OK;
  if (!record.gap) {
    ice_record made = {.offset = offset,
                       .timestamp_ms = 1700000000000 + offset,
                       .partition = partition,
                       .key_size = -1,
                       .value_at = (uint32_t)chunk->data.size,
                       .value_size = -1};
    if (!record.tombstone) {
      ICE_TRY(sim_record_encode(&record, partition, offset, &chunk->data, err));
      made.value_size = (int32_t)(chunk->data.size - made.value_at);
    }
    ICE_TRY(ice_chunk_add_record(chunk, &made, err));
  }
  ICE_TRY(ice_chunk_add_range(chunk, &range, err));
  self->partitions[partition].next = offset + 1;
done:
  return status;
}

static ice_status fetch(sim_source *self, ice_chunk *chunk, uint32_t index, ice_error *err) {
  sim *world = self->process->world;
  ice_source_partition *partition = &self->partitions[index];
  const sim_log *log = &world->log[index];
  if (partition->next < log->start) {
    return ice_error_set(err, ICE_NOT_FOUND, "offset %lld of partition %u is not in the log any more",
                         (long long)partition->next, index);
  }
  partition->log_end = log->end;
  int64_t count = 1 + sim_draw(world, FETCH_MAX);
  ice_status status = ICE_OK;
  for (int64_t i = 0; status == ICE_OK && i < count && partition->next < log->end; i++) {
    status = add_record(self, chunk, index, partition->next, err);
  }
  return status;
}

static ice_status source_poll(ice_source *source, ice_chunk *chunk, int64_t timeout_us, ice_error *err) {
  sim_source *self = self_of(source);
  sim_process *process = self->process;
  (void)timeout_us;
  if (!sim_enter(process, SIM_COST_SOURCE)) {
    return sim_dead(err);
  }
  if (sim_happens(process->world, SIM_SOURCE_CORRUPT)) {
    return sim_trouble(ICE_CORRUPT, 0, "a batch of the log is damaged", err);
  }
  source->rebalancing = group_wants(process);
  ice_status status = ICE_OK;
  uint32_t fetches = 1 + (uint32_t)sim_draw(process->world, 2);
  for (uint32_t i = 0; status == ICE_OK && !source->rebalancing && fetches > 0 && i < source->partition_count; i++) {
    uint32_t index = self->turn++ % source->partition_count;
    const ice_source_partition *partition = &self->partitions[index];
    if (partition->assigned && !partition->excluded && partition->next < process->world->log[index].end) {
      status = fetch(self, chunk, index, err);
      fetches--;
    }
  }
  return status;
}

static ice_status source_commit(ice_source *source, ice_error *err) { return begin(self_of(source)->process, err); }

// Half of the time everything is taken away first, and the new division comes later.
static ice_status source_rebalance(ice_source *source, ice_error *err) {
  sim_source *self = self_of(source);
  sim_process *process = self->process;
  ice_status status = begin(process, err);
  if (status != ICE_OK) {
    return status;
  }
  process->revoked = !process->revoked && sim_draw(process->world, 2) == 0;
  if (!process->revoked) {
    process->generation = process->world->generation;
  }
  source->joining = process->revoked;
  source->rebalancing = false;
  exclude(self);
  sim_trace(process->world, "%s", process->revoked ? "gives its partitions up" : "takes its partitions");
  return ICE_OK;
}

static void source_destroy(ice_source *source) { free(self_of(source)); }

ice_status sim_source_open(sim_process *process, ice_source **out, ice_error *err) {
  static const ice_source_interface interface = {.refresh = source_refresh,
                                                 .seek = source_seek,
                                                 .poll = source_poll,
                                                 .commit = source_commit,
                                                 .rebalance = source_rebalance,
                                                 .destroy = source_destroy};
  *out = NULL;
  sim_source *self = calloc(1, sizeof *self);
  if (!self) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a source");
  }
  self->base = (ice_source){.interface = &interface, .partitions = self->partitions};
  self->process = process;
  self->base.joining = in_group(process);
  *out = &self->base;
  return ICE_OK;
}

void sim_group_divide(sim *world) {
  uint32_t members[SIM_SLOTS];
  uint32_t count = 0;
  for (uint32_t i = 0; i < SIM_SLOTS; i++) {
    const sim_process *process = &world->processes[i];
    // Who sleeps for long is thrown out, and does not know.
    if (process->alive && !process->dead && (process->paused_until_us <= world->now_us || sim_draw(world, 2) == 0)) {
      members[count++] = i;
    }
  }
  for (uint32_t i = 0; i < SIM_PARTITIONS_MAX; i++) {
    world->owners[i] = count == 0 ? -1 : (int32_t)members[sim_draw(world, count)];
  }
  world->generation++;
}
