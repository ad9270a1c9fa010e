// The oracle: what the tables must hold follows from the log, which follows from the seed. Nothing that a process says counts.
#include "sim.h"

#include "ingest/table_scan.h"
#include "ingest/verify.h"
#include <stdio.h>
#include <stdlib.h>

static bool continues(const sim *world) { return world->scenario->fields[SIM_ON_ROLLBACK] == ICE_ROLLBACK_CONTINUE; }

static bool rewinds(const sim *world) { return world->scenario->fields[SIM_ON_ROLLBACK] == ICE_ROLLBACK_REWIND; }

// After every commit ---------------------------------------------------------------------------------------------------

static const ice_position_entry *seen_entry(const sim_seen *seen, int32_t partition) {
  for (uint32_t i = 0; i < seen->entry_count; i++) {
    if (seen->entries[i].partition == partition) {
      return &seen->entries[i];
    }
  }
  return NULL;
}

// What the newest snapshot says that it consumed of a partition; false where nothing.
static bool find_range(const json_t *ranges, int32_t partition, int64_t *from, int64_t *to) {
  char key[16];
  snprintf(key, sizeof key, "%d", partition);
  const json_t *pair = json_object_get(json_object_get(ranges, "t"), key);
  *from = json_integer_value(json_array_get(pair, 0));
  *to = json_integer_value(json_array_get(pair, 1));
  return pair != NULL;
}

static void check_entry(sim *world, const ice_position_entry *entry, const json_t *ranges) {
  const ice_position_entry *before = seen_entry(&world->seen, entry->partition);
  int64_t from;
  int64_t to;
  bool moved = find_range(ranges, entry->partition, &from, &to);
  if (before && (entry->offset < before->offset || entry->start != before->start)) {
    sim_fail(world, "partition %d: the position went from [%lld, %lld) to [%lld, %lld)", entry->partition,
             (long long)before->start, (long long)before->offset, (long long)entry->start, (long long)entry->offset);
  }
  int64_t reached = before ? before->offset : entry->start;
  if (moved ? from != reached || to != entry->offset : entry->offset != reached) {
    sim_fail(world, "partition %d: %lld was reached, the position is %lld now, the epoch's range is [%lld, %lld)",
             entry->partition, (long long)reached, (long long)entry->offset, moved ? (long long)from : -1,
             moved ? (long long)to : -1);
  }
}

// A rewind puts the position back, never forward, and leaves the starts alone.
static void check_rewound(sim *world, const ice_position_entry *entry) {
  const ice_position_entry *before = seen_entry(&world->seen, entry->partition);
  if (!before || entry->offset > before->offset || entry->start != before->start) {
    sim_fail(world, "partition %d: a rewind put the position to [%lld, %lld)", entry->partition,
             (long long)entry->start, (long long)entry->offset);
  }
}

static void compare_position(sim *world, const ice_lead *lead) {
  const ice_position *position = &lead->position;
  sim_seen *seen = &world->seen;
  if (position->epoch == seen->epoch) {
    if (position->snapshot_id != seen->snapshot_id) {
      sim_fail(world, "the lead took two epochs %lld", (long long)position->epoch);
    }
    return;
  }
  const ice_snapshot *head = ice_table_ref_snapshot(lead->table.metadata, ICE_REF_MAIN);
  bool rewound = head && rewinds(world) && ice_snapshot_summary(head, "icesink.policy").data;
  if (position->epoch != seen->epoch + 1 && !rewound) {
    sim_fail(world, "the lead went from epoch %lld to epoch %lld", (long long)seen->epoch,
             (long long)position->epoch);
  }
  json_t *ranges = NULL;
  ice_error err = {0};
  ice_str text = head ? ice_snapshot_summary(head, "icesink.ranges") : (ice_str){0};
  if (!text.data || ice_json_text_parse(text, &ranges, &err) != ICE_OK) {
    sim_fail(world, "epoch %lld has no ranges", (long long)position->epoch);
  }
  for (uint32_t i = 0; i < position->entry_count; i++) {
    if (rewound) {
      check_rewound(world, &position->entries[i]);
    } else {
      check_entry(world, &position->entries[i], ranges);
    }
  }
  json_decref(ranges);
  if (position->entry_count < seen->entry_count) {
    sim_fail(world, "a partition is gone from the position");
  }
  seen->epoch = position->epoch;
  seen->snapshot_id = position->snapshot_id;
  seen->entry_count = position->entry_count;
  for (uint32_t i = 0; i < position->entry_count; i++) {
    seen->entries[i] = position->entries[i];
    seen->entries[i].topic = ICE_STR("t");
  }
  world->commits++;
  world->digest = sim_hash(world->digest, 1, (uint64_t)position->epoch);
}

static ice_status load_lead(sim *world, ice_lead *out, ice_error *err) {
  const ice_committer committer = {.catalog = world->catalog, .port = &world->port, .sink = ICE_STR("s")};
  return ice_lead_load(&committer, world->tables[world->lead], out, err);
}

void sim_check_commit(sim *world) {
  ice_lead lead;
  ice_error err = {0};
  ice_status status = load_lead(world, &lead, &err);
  if (status != ICE_OK) {
    // Somebody's damage, or a table that is away, is for the sink to meet.
    if (status != ICE_NOT_FOUND && status != ICE_CORRUPT) {
      sim_fail(world, "the lead cannot be read after a commit: %s", err.message);
    }
    return;
  }
  if (lead.has_position) {
    compare_position(world, &lead);
  }
  ice_lead_deinit(&lead);
}

// Rows ------------------------------------------------------------------------------------------------------------------

typedef void (*visit_row)(void *context, uint32_t partition, int64_t offset, int32_t element);

static void visit_batch(const ice_batch *batch, bool dead_letters, visit_row visit, void *context) {
  for (int64_t i = 0; i < batch->row_count; i++) {
    if (dead_letters) {
      const ice_column *element = &batch->columns[2];
      const ice_column *partition = &batch->columns[0];
      int64_t number = partition->width == 8 ? ice_column_i64(partition, i) : (int64_t)ice_column_i32(partition, i);
      visit(context, (uint32_t)number, ice_column_i64(&batch->columns[1], i),
            ice_column_is_null(element, i) ? -1 : ice_column_i32(element, i));
    } else {
      int64_t id = ice_column_i64(&batch->columns[0], i);
      visit(context, (uint32_t)(id / 1000000), id / 10 % 100000, (int32_t)(id % 10));
    }
  }
}

ice_status sim_visit_rows(sim *world, uint32_t table, visit_row visit, void *context, ice_error *err) {
  static const ice_str row_columns[] = {ICE_STR_INIT("id")};
  static const ice_str letter_columns[] = {ICE_STR_INIT("kafka_partition"), ICE_STR_INIT("kafka_offset"),
                                           ICE_STR_INIT("element_index")};
  ice_table loaded = {0};
  ice_table_scan *scan = NULL;
  ice_batch batch = {0};
  ice_status status = ICE_OK;
  ICE_TRY(ice_catalog_load_table(world->catalog, world->tables[table], &loaded, err));
  ICE_TRY(ice_table_scan_create(world->catalog, &loaded, table == 1 ? letter_columns : row_columns,
                                table == 1 ? ICE_COUNT_OF(letter_columns) : ICE_COUNT_OF(row_columns), NULL, &scan,
                                err));
  ICE_TRY(ice_batch_init(&batch, ice_table_scan_schema(scan), err));
  do {
    ICE_TRY(ice_table_scan_next(scan, &batch, err));
    visit_batch(&batch, table == 1, visit, context);
  } while (batch.row_count > 0);
done:
  ice_batch_deinit(&batch);
  ice_table_scan_destroy(scan);
  ice_table_deinit(&loaded);
  return status;
}

// Counting --------------------------------------------------------------------------------------------------------------

/// How often each element is in each table; the last place of a record is the record as a whole.
typedef struct found {
  sim *world;
  uint32_t table;
  uint8_t counts[SIM_TABLES][SIM_PARTITIONS_MAX][SIM_OFFSETS_MAX][SIM_ELEMENTS_MAX + 1];
} found;

static void count_row(void *context, uint32_t partition, int64_t offset, int32_t element) {
  found *self = context;
  uint32_t place = element < 0 ? SIM_ELEMENTS_MAX : (uint32_t)element;
  if (partition >= SIM_PARTITIONS_MAX || offset < 0 || offset >= SIM_OFFSETS_MAX || place > SIM_ELEMENTS_MAX) {
    sim_fail(self->world, "a row of partition %u, offset %lld, element %d was never produced", partition,
             (long long)offset, element);
    return;
  }
  self->counts[self->table][partition][offset][place]++;
}

static const char *table_name(uint32_t table) {
  static const char *const names[] = {"data table", "dead-letter table", "routed table"};
  return names[table];
}

// The tables where some configuration that was used puts the element, as bits; bit SIM_TABLES: filtered.
static uint32_t allowed_places(const sim *world, const sim_element *element) {
  static const uint32_t places[] = {
      [SIM_ROW] = 1, [SIM_ROUTED_ROW] = 1 << 2, [SIM_DEAD_LETTER] = 1 << 1, [SIM_FILTERED] = 1 << SIM_TABLES};
  uint32_t allowed = 0;
  for (uint32_t plan = 0; plan < SIM_PLANS; plan++) {
    if ((world->plans_used >> plan & 1) != 0) {
      allowed |= places[sim_verdict_of(element, plan)];
    }
  }
  return allowed;
}

/// What the sums over the log are, to be compared with the position's totals.
typedef struct sums {
  ice_counts counts;
  int64_t missing;  ///< elements in no table, so filtered
} sums;

static bool is_excused(const sim *world, uint32_t partition, int64_t offset) {
  return world->taken_away[partition][offset] && (continues(world) || world->traceless);
}

static void check_place(found *self, sums *total, uint32_t partition, int64_t offset, uint32_t place,
                        uint32_t allowed, bool consumed) {
  sim *world = self->world;
  uint32_t count = 0;
  for (uint32_t table = 0; table < SIM_TABLES; table++) {
    uint32_t here = self->counts[table][partition][offset][place];
    count += here;
    if (here > 0 && (allowed >> table & 1) == 0) {
      sim_fail(world, "partition %u, offset %lld, element %u is in the %s, where nothing puts it", partition,
               (long long)offset, place, table_name(table));
    }
  }
  // A rewind reads again what the lead has lost; what the followers have had of it stays theirs.
  uint32_t once = rewinds(world) && (world->rolled_back || world->torn)
                      ? self->counts[world->lead][partition][offset][place]
                      : count;
  if (once > 1) {
    sim_fail(
        world,
        "DUPLICATE: partition %u, offset %lld, element %u is there %u times (rows %u, dead letters %u, routed %u)",
        partition, (long long)offset, place, count, self->counts[0][partition][offset][place],
        self->counts[1][partition][offset][place], self->counts[2][partition][offset][place]);
  }
  // A sink that a policy stopped may have left half of an epoch; that it stopped is what counts.
  bool whole = world->stopped[0] == '\0' && !world->recreated;
  if (count > 0 && !consumed && whole) {
    sim_fail(world, "partition %u, offset %lld, element %u is in a table; the position says that it was not read",
             partition, (long long)offset, place);
  }
  if (count == 0 && consumed && whole && (allowed >> SIM_TABLES & 1) == 0 && !is_excused(world, partition, offset)) {
    sim_fail(world, "LOST: partition %u, offset %lld, element %u is in no table", partition, (long long)offset,
             place);
  }
  total->counts.elements += consumed;
  total->missing += consumed && count == 0;
}

static void check_offset(found *self, sums *total, uint32_t partition, int64_t offset, bool consumed) {
  const sim *world = self->world;
  sim_record record = sim_record_at(world, partition, offset);
  for (uint32_t place = 0; place < SIM_ELEMENTS_MAX; place++) {
    bool exists = place < record.element_count;
    if (exists || self->counts[0][partition][offset][place] || self->counts[1][partition][offset][place] ||
        self->counts[2][partition][offset][place]) {
      check_place(self, total, partition, offset, place, exists ? allowed_places(world, &record.elements[place]) : 0,
                  consumed && exists);
    }
  }
  bool letter = record.tombstone || record.poisoned;
  if (letter || self->counts[0][partition][offset][SIM_ELEMENTS_MAX] ||
      self->counts[1][partition][offset][SIM_ELEMENTS_MAX] || self->counts[2][partition][offset][SIM_ELEMENTS_MAX]) {
    check_place(self, total, partition, offset, SIM_ELEMENTS_MAX, letter ? 1 << 1 : 0, consumed && letter);
  } else if (consumed && !record.gap && record.element_count == 0) {
    // An empty array is one element, filtered.
    total->counts.elements++;
    total->missing++;
  }
  total->counts.records += consumed && !record.gap;
  total->counts.gaps += consumed && record.gap;
}

static void check_totals(sim *world, const sums *total, const ice_position *position) {
  const ice_counts *totals = &position->totals;
  int64_t consumed = 0;
  for (uint32_t i = 0; i < position->entry_count; i++) {
    const ice_position_entry *entry = &position->entries[i];
    consumed += entry->offset - entry->start - entry->moved;
  }
  // What a rollback took and a policy gave up is in the totals no more, and counts as moved.
  if (world->rolled_back && (continues(world) || world->traceless)) {
    if (totals->records > total->counts.records || totals->records + totals->gaps != consumed) {
      sim_fail(
          world, "the position counts %lld records and %lld gaps; it consumed %lld offsets, the log has %lld records",
          (long long)totals->records, (long long)totals->gaps, (long long)consumed, (long long)total->counts.records);
    }
    return;
  }
  if (totals->records != total->counts.records || totals->gaps != total->counts.gaps ||
      totals->elements != total->counts.elements) {
    sim_fail(world,
             "the position counts %lld records, %lld gaps, %lld elements; the log has %lld, %lld, %lld up to there",
             (long long)totals->records, (long long)totals->gaps, (long long)totals->elements,
             (long long)total->counts.records, (long long)total->counts.gaps, (long long)total->counts.elements);
  }
  bool again = rewinds(world) && world->torn;  // what was torn off was read once more, and judged anew
  if (!world->rolled_back && !world->recreated && !again && totals->filtered != total->missing) {
    sim_fail(world, "the position counts %lld filtered elements, %lld are in no table", (long long)totals->filtered,
             (long long)total->missing);
  }
}

static void report_violation(void *context, const char *violation) {
  sim *world = context;
  if (!world->rolled_back && !world->torn && !world->recreated) {
    sim_fail(world, "verify: %s", violation);
  }
}

static void check_verify(sim *world) {
  ice_verify_result result;
  ice_error err = {0};
  const ice_verify_options options = {
      .catalog = world->catalog, .port = &world->port, .table = world->tables[world->lead], .sink = ICE_STR("s")};
  if (ice_verify_sink(&options, report_violation, world, &result, &err) != ICE_OK) {
    sim_fail(world, "verify: %s", err.message);
  }
}

// Where the run ended: a policy that stopped the sink for a reason leaves the rest of the log unread.
static void check_end(sim *world, uint32_t partition, const ice_position_entry *entry) {
  // A partition that came later and has nothing to read is in no position.
  int64_t offset = entry ? entry->offset : world->log[partition].start;
  if (world->stopped[0] == '\0' && offset != world->log[partition].end) {
    sim_fail(world, "partition %u was drained, and the position is %lld, not %lld", partition, (long long)offset,
             (long long)world->log[partition].end);
  }
  if (entry && !world->scenario->fields[SIM_START_LATEST] && entry->start != 0 && !world->retained) {
    sim_fail(world, "partition %u was begun at %lld", partition, (long long)entry->start);
  }
}

static void check_partitions(found *self, const ice_lead *lead) {
  sim *world = self->world;
  sums total = {0};
  for (uint32_t partition = 0; partition < world->partition_count; partition++) {
    const ice_position_entry *entry = ice_position_find(&lead->position, ICE_STR("t"), (int32_t)partition);
    check_end(world, partition, entry);
    for (int64_t offset = 0; offset < world->log[partition].end; offset++) {
      check_offset(self, &total, partition, offset, entry && offset >= entry->start && offset < entry->offset);
    }
  }
  // Followers that a torn or stopped run left behind are short of what the totals say.
  if (world->stopped[0] == '\0') {
    check_totals(world, &total, &lead->position);
  }
}

void sim_check_tables(sim *world) {
  static found all;
  ice_lead lead;
  ice_error err = {0};
  memset(&all, 0, sizeof all);
  all.world = world;
  for (uint32_t i = 0; i < world->table_count; i++) {
    all.table = i;
    if (sim_visit_rows(world, i, count_row, &all, &err) != ICE_OK) {
      sim_fail(world, "the %s cannot be read: %s", table_name(i), err.message);
      return;
    }
  }
  if (load_lead(world, &lead, &err) != ICE_OK) {
    sim_fail(world, "the lead cannot be read: %s", err.message);
    return;
  }
  if (lead.has_position) {
    check_partitions(&all, &lead);
    check_verify(world);
  } else if (world->stopped[0] == '\0') {
    sim_fail(world, "the sink never began");
  }
  ice_lead_deinit(&lead);
}
