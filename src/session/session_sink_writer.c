#include "assembly/sink_parts.h"
#include "session/session_priv.h"
#include "source/pushed_source.h"

#include <icesink/sink.h>
#include <stdlib.h>

// An output is full at this share of the budget.
enum { OUTPUT_SHARE = 16 };

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

static ice_status reload_position(ice_sink_writer *writer, ice_error *err) {
  const ice_sink_tables *tables = &writer->parts.tables;
  ice_committer committer = ice_session_committer(writer->session);
  ice_position_deinit(&writer->position);
  return load_position(&committer, tables->idents[tables->lead], &writer->position, err);
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
                                   .shared_catalog = session->catalog,
                                   .budget = &session->budget};
  ICE_TRY(ice_sink_parts_open(&writer->parts, false, err));
  ICE_TRY(reload_position(writer, err));
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

// Where a partition begins that records come from for the first time. The sink may have begun (ice_session_begin) after the writer was opened.
static ice_status begin_partition(ice_sink_writer *writer, uint32_t place, int64_t first, ice_error *err) {
  const ice_source_partition *partition = &writer->parts.source->partitions[place];
  const ice_position_entry *entry = ice_position_find(&writer->position, partition->topic, partition->partition);
  if (!entry) {
    ice_status status = reload_position(writer, err);
    if (status != ICE_OK) {
      return status;
    }
    entry = ice_position_find(&writer->position, partition->topic, partition->partition);
  }
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
  ice_ingest_totals totals = ice_ingest_get_totals(writer->parts.ingest);
  ice_counts_add(&counts, &totals.open);
  return (ice_sink_counts){.records = counts.records,
                           .gaps = counts.gaps,
                           .elements = counts.elements,
                           .rows = counts.rows,
                           .dead_letters = counts.dead_letters,
                           .filtered = counts.filtered,
                           .files = (int64_t)totals.files,
                           .bytes = (int64_t)totals.bytes};
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
  ice_committer committer = ice_session_committer(session);
  ICE_TRY(load_position(&committer, tables.idents[tables.lead], &position, err));
  ICE_TRY(offsets_text(&position, out, err));
done:
  ice_position_deinit(&position);
  ice_pipeline_spec_deinit(&spec);
  return status;
}
