#include "assembly/sink_parts.h"
#include "ingest/epoch_part.h"
#include "ingest/epoch_summary.h"
#include "ingest/table_append.h"
#include "session/session_priv.h"
#include "source/pushed_source.h"

#include <icesink/sink.h>
#include <stdio.h>
#include <stdlib.h>

// An output is full at this share of the budget.
enum { OUTPUT_SHARE = 16, PARTS_MAX = 1 << 16, TOKEN_MAX = 1 << 16 };

struct ice_sink_writer {
  ice_session *session;
  ice_sink_parts parts;
  ice_position position;  ///< of the table, when the writer was opened
  ice_pipeline *pipeline;
  ice_pipeline_output output;
  ice_chunk chunk;
  int64_t *ahead;  ///< per partition: the next offset, once the records at hand are in
  uint32_t ahead_capacity;
  ice_counts finished;  ///< of all parts so far
  bool failed;
};

// The sink's own half of a commit: no policy but to stop, for whoever reads the topic decides where it goes on.
static ice_committer committer_of(const ice_session *session) {
  return (ice_committer){.catalog = session->catalog,
                         .port = ice_port_system(),
                         .observer = &session->observer,
                         .sink = ice_settings_text(&session->settings, ICE_OPTION_ID_NAME)};
}

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status load_position(const ice_committer *committer, ice_table_ident lead_ident, ice_position *out,
                                ice_error *err) {
  ice_lead lead;
  ice_status status = ice_lead_load(committer, lead_ident, &lead, err);
  if (status == ICE_OK) {
    status = ice_position_copy(&lead.position, out, err);
    ice_lead_deinit(&lead);
  }
  return status;
}

static ice_status open_pipeline(ice_sink_writer *writer, ice_error *err) {
  ice_pipeline_options *options = &writer->parts.pipeline;
  ice_status status = ICE_OK;
  options->output_size_max = (size_t)writer->session->budget.limit / OUTPUT_SHARE;
  ICE_TRY(ice_pipeline_create(options, &writer->pipeline, err));
  ICE_TRY(ice_pipeline_output_init(writer->pipeline, &writer->output, err));
done:
  return status;
}

ice_status ice_sink_writer_open(ice_session *session, ice_sink_writer **out, ice_error *err) {
  *out = NULL;
  ice_sink_writer *writer = calloc(1, sizeof *writer);
  if (!writer) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a sink's writer");
  }
  writer->session = session;
  ice_position_init(&writer->position);
  ice_chunk_init(&writer->chunk);
  ice_status status = ICE_OK;
  ICE_TRY(ice_session_reach(session, false, err));
  writer->parts = (ice_sink_parts){.settings = &session->settings,
                                   .observer = &session->observer,
                                   .stop = &session->stop,
                                   .pushed = true,
                                   .shared_catalog = session->catalog,
                                   .budget = &session->budget};
  ICE_TRY(ice_sink_parts_open(&writer->parts, false, err));
  const ice_sink_tables *tables = &writer->parts.tables;
  ice_committer committer = committer_of(session);
  ICE_TRY(load_position(&committer, tables->idents[tables->lead], &writer->position, err));
  ICE_TRY(open_pipeline(writer, err));
  *out = writer;
  writer = NULL;
done:
  ice_sink_writer_close(writer);
  return status;
}

void ice_sink_writer_close(ice_sink_writer *writer) {
  if (!writer) {
    return;
  }
  ice_pipeline_output_deinit(&writer->output);
  ice_pipeline_destroy(writer->pipeline);
  ice_sink_parts_close(&writer->parts);
  ice_chunk_deinit(&writer->chunk);
  ice_position_deinit(&writer->position);
  free(writer->ahead);
  free(writer);
}

// Offsets -----------------------------------------------------------------------------------------------------------

static ice_status start_at(ice_sink_writer *writer, uint32_t place, bool known, int64_t next, ice_error *err) {
  ice_status status = ice_ingest_track(writer->parts.ingest, place, known, next, err);
  if (status == ICE_OK) {
    writer->parts.source->partitions[place].next = next;
    writer->parts.source->partitions[place].committed = next;
  }
  return status;
}

ice_status ice_sink_writer_resume(ice_sink_writer *writer, const char *topic, int32_t partition, int64_t next,
                                  ice_error *err) {
  uint32_t place;
  ice_status status = ice_pushed_source_place(writer->parts.source, topic, partition, &place, err);
  if (status != ICE_OK) {
    return status;
  }
  const ice_source_partition *there = &writer->parts.source->partitions[place];
  if (next < 0) {
    return ice_error_set(err, ICE_INVALID_ARGUMENT, "topic %s, partition %d: offset %lld", topic, partition,
                         (long long)next);
  }
  if (there->next != there->committed) {
    return ice_error_set(err, ICE_INVALID_STATE, "topic %s, partition %d has records in the open part", topic,
                         partition);
  }
  return start_at(writer, place, true, next, err);
}

// Where a partition begins that records come from for the first time.
static ice_status begin_partition(ice_sink_writer *writer, uint32_t place, int64_t first, ice_error *err) {
  const ice_source_partition *partition = &writer->parts.source->partitions[place];
  const ice_position_entry *entry = ice_position_find(&writer->position, partition->topic, partition->partition);
  return start_at(writer, place, entry != NULL, entry ? entry->offset : first, err);
}

static ice_status reserve_ahead(ice_sink_writer *writer, ice_error *err) {
  uint32_t count = writer->parts.source->partition_count;
  if (count > writer->ahead_capacity) {
    int64_t *grown = realloc(writer->ahead, count * 2 * sizeof *grown);
    if (!grown) {
      return ice_error_set(err, ICE_NO_MEMORY, "out of memory for %u partitions", count);
    }
    writer->ahead = grown;
    writer->ahead_capacity = count * 2;
  }
  for (uint32_t i = 0; i < count; i++) {
    writer->ahead[i] = writer->parts.source->partitions[i].next;
  }
  return ICE_OK;
}

// The ranges that the records at hand consume; what lies between them is gaps.
static ice_status take_ranges(ice_sink_writer *writer, ice_error *err) {
  ice_chunk *chunk = &writer->chunk;
  ice_status status = reserve_ahead(writer, err);
  for (size_t i = 0; status == ICE_OK && i < chunk->record_count; i++) {
    const ice_record *record = &chunk->records[i];
    int64_t *next = &writer->ahead[record->partition];
    if (*next < 0) {
      ICE_TRY(begin_partition(writer, record->partition, record->offset, err));
      *next = writer->parts.source->partitions[record->partition].next;
    }
    if (record->offset < *next) {
      const ice_source_partition *partition = &writer->parts.source->partitions[record->partition];
      ICE_FAIL(ICE_INVALID_ARGUMENT,
               "topic %.*s, partition %d: offset %lld was given where %lld or a later one comes next",
               ICE_STR_ARG(partition->topic), partition->partition, (long long)record->offset, (long long)*next);
    }
    ice_chunk_range range = {
        .partition = record->partition, .from = *next, .to = record->offset + 1, .record_count = 1};
    ICE_TRY(ice_chunk_add_range(chunk, &range, err));
    *next = range.to;
  }
done:
  return status;
}

// Records -----------------------------------------------------------------------------------------------------------

static ice_status check_usable(const ice_sink_writer *writer, ice_error *err) {
  return writer->failed
             ? ice_session_fatal(
                   ice_error_set(err, ICE_INVALID_STATE, "the writer has failed before and can only be closed"), err)
             : ICE_OK;
}

static ice_status fail(ice_sink_writer *writer, ice_status status, ice_error *err) {
  writer->failed = true;
  ice_pipeline_forget(writer->pipeline);
  ice_ingest_drop(writer->parts.ingest);
  return ice_session_fatal(status, err);
}

// One message may have so many elements that its rows come in several outputs; the ranges count with the last.
static ice_status write_chunk(ice_sink_writer *writer, ice_error *err) {
  ice_sink_parts *parts = &writer->parts;
  ice_pipeline_output *output = &writer->output;
  ice_status status = ICE_OK;
  for (bool unfinished = true; unfinished;) {
    ICE_TRY(ice_pipeline_process(writer->pipeline, &writer->chunk, parts->source->partitions, output, err));
    unfinished = output->unfinished;
    ICE_TRY(ice_ingest_add(parts->ingest, parts->source, writer->chunk.ranges,
                           unfinished ? 0 : writer->chunk.range_count, output, err));
    ice_pipeline_output_clear(output);
  }
  ICE_TRY(ice_ingest_drive(parts->ingest, err));
done:
  return status;
}

ice_status ice_sink_writer_add(ice_sink_writer *writer, const ice_kafka_record *records, size_t count,
                               ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(check_usable(writer, err));
  ICE_TRY(ice_pushed_source_fill(writer->parts.source, records, count, &writer->chunk, err));
  ICE_TRY(take_ranges(writer, err));
  ICE_TRY(ice_pipeline_prepare(writer->pipeline, &writer->chunk, err));
  status = write_chunk(writer, err);
  if (status != ICE_OK) {
    return fail(writer, status, err);
  }
  for (uint32_t i = 0; i < writer->parts.source->partition_count; i++) {
    writer->parts.source->partitions[i].next = writer->ahead[i];
  }
done:
  return status;
}

ice_status ice_sink_writer_finish(ice_sink_writer *writer, ice_text *part, ice_error *err) {
  *part = (ice_text){0};
  ice_sink_parts *parts = &writer->parts;
  ice_counts open = ice_ingest_get_totals(parts->ingest).open;
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = check_usable(writer, err);
  if (status != ICE_OK) {
    return status;
  }
  if (ice_ingest_dirty(parts->ingest)) {
    ICE_TRY(ice_ingest_describe(parts->ingest, parts->source, &text, err));
  }
  ICE_TRY(ice_session_text(&text, part, err));
  ice_counts_add(&writer->finished, &open);
  for (uint32_t i = 0; i < parts->source->partition_count; i++) {
    parts->source->partitions[i].committed = parts->source->partitions[i].next;
  }
done:
  ice_bytes_deinit(&text);
  return status == ICE_OK ? ICE_OK : fail(writer, status, err);
}

ice_sink_counts ice_sink_writer_get_counts(const ice_sink_writer *writer) {
  ice_counts counts = writer->finished;
  ice_counts open = ice_ingest_get_totals(writer->parts.ingest).open;
  ice_counts_add(&counts, &open);
  return (ice_sink_counts){.records = counts.records,
                           .gaps = counts.gaps,
                           .elements = counts.elements,
                           .rows = counts.rows,
                           .dead_letters = counts.dead_letters,
                           .filtered = counts.filtered};
}

// Positions as text -------------------------------------------------------------------------------------------------

static ice_status offsets_text(const ice_position *position, ice_text *out, ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, ICE_SESSION_TEXT_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_position_format_offsets(position, &text, err));
  ICE_TRY(ice_session_text(&text, out, err));
done:
  ice_bytes_deinit(&text);
  return status;
}

ice_status ice_sink_writer_offsets(const ice_sink_writer *writer, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  const ice_source *source = writer->parts.source;
  ice_position offsets;
  ice_position_init(&offsets);
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i < source->partition_count; i++) {
    const ice_source_partition *partition = &source->partitions[i];
    if (partition->next >= 0) {
      ICE_TRY(ice_position_set(&offsets, partition->topic, partition->partition, 0, partition->next, err));
    }
  }
  ICE_TRY(offsets_text(&offsets, out, err));
done:
  ice_position_deinit(&offsets);
  return status;
}

ice_status ice_session_position(ice_session *session, ice_text *out, ice_error *err) {
  *out = (ice_text){0};
  ice_pipeline_spec spec = {0};
  ice_sink_tables tables;
  ice_position position;
  ice_position_init(&position);
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(&session->settings, ICE_OPTION_ID_NAME, err));
  ICE_TRY(ice_read_pipeline(&session->settings, &spec, err));
  ICE_TRY(ice_sink_tables_read(&session->settings, &spec, &tables, err));
  ICE_TRY(ice_session_reach(session, false, err));
  ice_committer committer = committer_of(session);
  ICE_TRY(load_position(&committer, tables.idents[tables.lead], &position, err));
  ICE_TRY(offsets_text(&position, out, err));
done:
  ice_position_deinit(&position);
  ice_pipeline_spec_deinit(&spec);
  return status;
}

// Committing --------------------------------------------------------------------------------------------------------

/// An epoch on its way, for ice_session_drive.
typedef struct commit_run {
  ice_committer committer;
  ice_epoch epoch;
  bool fenced;
} commit_run;

static ice_status stands_elsewhere(const ice_committer *committer, const ice_position *position,
                                   const ice_epoch_range *range, ice_error *err) {
  const ice_position_entry *entry = ice_position_find(position, range->topic, range->partition);
  char at[32] = "nowhere";
  if (entry) {
    snprintf(at, sizeof at, "at offset %lld", (long long)entry->offset);
  }
  ice_error_set(
      err, ICE_INVALID_STATE,
      "sink %.*s is %s in topic %.*s, partition %d, and what is to be committed goes from %lld to %lld: another "
      "writer has moved the position, or this one went back to an older state",
      ICE_STR_ARG(committer->sink), at, ICE_STR_ARG(range->topic), range->partition, (long long)range->from,
      (long long)range->to);
  return ice_policy_error(err);
}

static ice_status attempt_epoch(void *context, bool *done, bool *unknown, ice_error *err) {
  commit_run *run = context;
  ice_attempt outcome = ICE_ATTEMPT_AGAIN;
  ice_status status = ice_commit_attempt(&run->committer, &run->epoch, &outcome, err);
  *unknown = run->epoch.unknown;
  // Where the position is now is seen when it is compared again.
  run->fenced = status == ICE_OK && outcome == ICE_ATTEMPT_FENCED;
  *done = status == ICE_OK && outcome != ICE_ATTEMPT_AGAIN;
  return status;
}

// What was there already, or cannot be committed, was never named in a request: its manifests are nobody's.
static void discard_unsent(const ice_session *session, const ice_epoch *epoch) {
  for (uint32_t i = 0; epoch->attempts == 0 && i < epoch->table_count; i++) {
    if (epoch->tables[i].has_manifest) {
      (void)!ice_store_remove(session->catalog->store, epoch->tables[i].manifest.file.path, NULL);
    }
  }
}

/// What a commit reads from its request.
typedef struct commit_plan {
  ice_arena arena;
  ice_committer committer;
  ice_epoch_part *parts;
  uint32_t part_count;
  ice_part_standing *standings;
  uint32_t *group;
  ice_property *summary;
  uint32_t summary_count;
  ice_str writer;
  int64_t number;
} commit_plan;

static ice_status read_request(const ice_commit_request *request, commit_plan *out, ice_error *err) {
  size_t count = request->part_count;
  ice_status status = ICE_OK;
  if (count > PARTS_MAX || request->summary_count > ICE_EPOCH_SUMMARY_MAX - ICE_EPOCH_SUMMARY_OWN) {
    ICE_FAIL(ICE_LIMIT, "%zu parts, %zu entries of a summary", count, request->summary_count);
  }
  out->parts = ice_arena_alloc_array(&out->arena, count, sizeof *out->parts, err);
  out->standings = ice_arena_alloc_array(&out->arena, count, sizeof *out->standings, err);
  out->group = ice_arena_alloc_array(&out->arena, count, sizeof *out->group, err);
  out->summary = ice_arena_alloc_array(&out->arena, request->summary_count, sizeof *out->summary, err);
  if (!out->parts || !out->standings || !out->group || !out->summary) {
    ICE_FAIL(ICE_NO_MEMORY, "out of memory for a commit");
  }
  for (; out->summary_count < request->summary_count; out->summary_count++) {
    ICE_TRY(ice_session_property(request->summary[out->summary_count], &out->summary[out->summary_count], err));
  }
  for (size_t i = 0; i < count; i++) {
    ice_str text = ice_str_make(request->parts[i].data, request->parts[i].size);
    if (text.size > 0) {
      ICE_TRY(ice_epoch_part_read(text, &out->parts[out->part_count], err));
      out->part_count++;
    }
  }
  out->writer = ice_str_of(request->writer);
  out->number = request->number;
done:
  return status;
}

static void plan_deinit(commit_plan *plan) {
  for (uint32_t i = 0; i < plan->part_count; i++) {
    ice_epoch_part_deinit(&plan->parts[i]);
  }
  ice_arena_deinit(&plan->arena);
}

// The last epoch of a request brings its number.
static ice_status set_token(commit_plan *plan, ice_epoch *epoch, ice_error *err) {
  ice_bytes key;
  ice_bytes value;
  ice_bytes_init(&key, TOKEN_MAX);
  ice_bytes_init(&value, TOKEN_MAX);
  ice_status status = ICE_OK;
  ICE_TRY(ice_table_token_format(plan->writer, plan->number, epoch->tables[0].snapshot_id, &key, &value, err));
  ICE_TRY(ice_arena_copy_str(&plan->arena, ice_bytes_str(&key), &epoch->property.key, err));
  ICE_TRY(ice_arena_copy_str(&plan->arena, ice_bytes_str(&value), &epoch->property.value, err));
done:
  ice_bytes_deinit(&key);
  ice_bytes_deinit(&value);
  return status;
}

static bool is_last(const commit_plan *plan) {
  for (uint32_t i = 0; i < plan->part_count; i++) {
    if (plan->standings[i] != ICE_PART_PAST) {
      return false;
    }
  }
  return true;
}

static ice_status commit_group(ice_session *session, commit_plan *plan, uint32_t group_count, ice_error *err) {
  commit_run run = {.committer = plan->committer};
  ice_status status = ICE_OK;
  ICE_TRY(ice_epoch_of_parts(session->catalog, ice_port_system(), plan->parts, plan->group, group_count, &run.epoch,
                             err));
  run.epoch.summary = plan->summary;
  run.epoch.summary_count = plan->summary_count;
  if (plan->writer.size > 0 && is_last(plan)) {
    ICE_TRY(set_token(plan, &run.epoch, err));
  }
  ICE_TRY(ice_session_drive(session, attempt_epoch, &run, err));
done:
  discard_unsent(session, &run.epoch);
  ice_epoch_deinit(&run.epoch);
  return status;
}

// Where the parts stand now, from one load of the lead.
static ice_status place_parts(commit_plan *plan, ice_error *err) {
  ice_lead lead = {0};
  const ice_epoch_range *elsewhere;
  bool known = false;
  int64_t number;
  int64_t snapshot_id;
  ice_status status = ICE_OK;
  ICE_TRY(ice_lead_load(&plan->committer, plan->parts[0].tables[0].ident, &lead, err));
  if (plan->writer.size > 0) {
    ICE_TRY(ice_table_token(&lead.table, plan->writer, &known, &number, &snapshot_id, err));
  }
  if (known && number >= plan->number) {
    for (uint32_t i = 0; i < plan->part_count; i++) {
      plan->standings[i] = ICE_PART_PAST;
    }
    goto done;
  }
  ICE_TRY(ice_epoch_parts_place(plan->parts, plan->part_count, &lead.position, plan->standings, &elsewhere, err));
  if (elsewhere) {
    status = stands_elsewhere(&plan->committer, &lead.position, elsewhere, err);
  }
done:
  ice_lead_deinit(&lead);
  return status;
}

// Commits what stands next until all is past. Each round commits something, or finds that somebody else has.
static ice_status commit_all(ice_session *session, commit_plan *plan, ice_error *err) {
  plan->committer = committer_of(session);
  plan->committer.sink = plan->parts[0].sink;
  plan->committer.lead_uuid = plan->parts[0].tables[0].uuid;
  for (uint32_t round = 0; round <= plan->part_count; round++) {
    uint32_t group_count;
    bool any = false;
    ice_status status = place_parts(plan, err);
    while (status == ICE_OK &&
           (group_count = ice_epoch_part_group(plan->parts, plan->part_count, plan->standings, plan->group)) > 0) {
      any = true;
      status = commit_group(session, plan, group_count, err);
    }
    if (status != ICE_OK || !any) {
      return status;
    }
  }
  return ice_error_set(err, ICE_CONFLICT, "parts of sink %.*s cannot be settled: other writers are faster",
                       ICE_STR_ARG(plan->committer.sink));
}

ice_status ice_session_commit(ice_session *session, const ice_commit_request *request, ice_error *err) {
  commit_plan plan = {.part_count = 0};
  ice_arena_init(&plan.arena, ICE_SESSION_TEXT_MAX);
  ice_error own = {0};
  ice_error *told = err ? err : &own;
  ice_status status = read_request(request, &plan, told);
  if (status == ICE_OK) {
    status = ice_session_reach(session, false, told);
  }
  if (status == ICE_OK && plan.part_count > 0) {
    status = commit_all(session, &plan, told);
  }
  plan_deinit(&plan);
  return status;
}
