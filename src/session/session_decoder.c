#include "assembly/open_decoding.h"
#include "assembly/preset.h"
#include "columnar/arrow.h"
#include "pipeline/pipeline.h"
#include "session/session_priv.h"
#include "source/pushed_source.h"

#include <icesink/decoder.h>
#include <stdlib.h>

enum { NAME_MAX_SIZE = 1 << 16 };

struct ice_decoder {
  ice_session *session;
  ice_pipeline_spec spec;
  ice_sink_tables tables;
  ice_bytes schema_text;
  ice_schema_registry *registry;
  ice_pipeline *pipeline;
  ice_pipeline_output output;
  ice_chunk chunk;
  ice_source *source;
};

// Opening -----------------------------------------------------------------------------------------------------------

static ice_status open_decoding(ice_decoder *decoder, ice_pipeline_options *out, ice_error *err) {
  return ice_open_decoding(&decoder->session->settings, &decoder->session->stop, &decoder->schema_text,
                           &decoder->registry, out, err);
}

static ice_status open_pipeline(ice_decoder *decoder, ice_error *err) {
  const ice_settings *settings = &decoder->session->settings;
  const ice_schema *schemas[ICE_PIPELINE_ROUTES_MAX + 1];
  ice_status status = ICE_OK;
  for (uint32_t i = 0; i + 1 < decoder->tables.count; i++) {
    schemas[i] = decoder->spec.schema;
  }
  ice_pipeline_options options = {.spec = &decoder->spec,
                                  .sink = ice_settings_text(settings, ICE_OPTION_ID_NAME),
                                  .port = ice_port_system(),
                                  .observer = &decoder->session->observer,
                                  .table_schemas = schemas,
                                  .table_count = decoder->tables.count - 1,
                                  .dead_letter_schema = decoder->spec.dead_letter_schema};
  ICE_TRY(open_decoding(decoder, &options, err));
  ICE_TRY(ice_pipeline_create(&options, &decoder->pipeline, err));
  ICE_TRY(ice_pipeline_output_init(decoder->pipeline, &decoder->output, err));
done:
  return status;
}

ice_status ice_decoder_open(ice_session *session, ice_decoder **out, ice_error *err) {
  *out = NULL;
  ice_decoder *decoder = calloc(1, sizeof *decoder);
  if (!decoder) {
    return ice_error_set(err, ICE_NO_MEMORY, "out of memory for a decoder");
  }
  decoder->session = session;
  ice_bytes_init(&decoder->schema_text, ICE_REGISTRY_SCHEMA_MAX);
  ice_chunk_init(&decoder->chunk);
  ice_status status = ICE_OK;
  ICE_TRY(ice_settings_require(&session->settings, ICE_OPTION_ID_NAME, err));
  ICE_TRY(ice_read_pipeline(&session->settings, &decoder->spec, err));
  ICE_TRY(ice_sink_tables_read(&session->settings, &decoder->spec, &decoder->tables, err));
  ICE_TRY(ice_pushed_source_open(&decoder->source, err));
  ICE_TRY(open_pipeline(decoder, err));
  *out = decoder;
  decoder = NULL;
done:
  ice_decoder_close(decoder);
  return status;
}

void ice_decoder_close(ice_decoder *decoder) {
  if (!decoder) {
    return;
  }
  ice_pipeline_output_deinit(&decoder->output);
  ice_pipeline_destroy(decoder->pipeline);
  ice_schema_registry_destroy(decoder->registry);
  ice_pipeline_spec_deinit(&decoder->spec);
  ice_bytes_deinit(&decoder->schema_text);
  ice_chunk_deinit(&decoder->chunk);
  ice_source_destroy(decoder->source);
  free(decoder);
}

// Tables ------------------------------------------------------------------------------------------------------------

uint32_t ice_decoder_table_count(const ice_decoder *decoder) { return decoder->tables.count; }

static ice_batch *rows_of(ice_decoder *decoder, uint32_t index) {
  return index < decoder->output.table_count ? &decoder->output.tables[index] : &decoder->output.dead_letters;
}

static const ice_schema *columns_of(const ice_decoder *decoder, uint32_t index) {
  return index < decoder->output.table_count ? decoder->output.tables[index].schema
                                             : decoder->output.dead_letters.schema;
}

static ice_status check_index(const ice_decoder *decoder, uint32_t index, ice_error *err) {
  return index < decoder->tables.count
             ? ICE_OK
             : ice_error_set(err, ICE_INVALID_ARGUMENT, "table %u of %u", index, decoder->tables.count);
}

ice_status ice_decoder_table(const ice_decoder *decoder, uint32_t index, ice_text *name, struct ArrowSchema *schema,
                             ice_error *err) {
  ice_bytes text;
  ice_bytes_init(&text, NAME_MAX_SIZE);
  ice_status status = ICE_OK;
  ICE_TRY(check_index(decoder, index, err));
  if (schema) {
    ICE_TRY(ice_arrow_export_schema(columns_of(decoder, index), schema, err));
  }
  if (name) {
    ICE_TRY(ice_bytes_append_format(&text, err, "%.*s.%.*s", ICE_IDENT_ARG(decoder->tables.idents[index])));
    ICE_TRY(ice_session_text(&text, name, err));
  }
done:
  ice_bytes_deinit(&text);
  return status;
}

// Records -----------------------------------------------------------------------------------------------------------

ice_status ice_decoder_add(ice_decoder *decoder, const ice_kafka_record *records, size_t count, ice_error *err) {
  ice_status status = ICE_OK;
  ICE_TRY(ice_pushed_source_fill(decoder->source, records, count, &decoder->chunk, err));
  ICE_TRY(ice_pipeline_prepare(decoder->pipeline, &decoder->chunk, err));
  status =
      ice_pipeline_process(decoder->pipeline, &decoder->chunk, decoder->source->partitions, &decoder->output, err);
  // Rows were lost then: the output is unfinished, and what was in it before cannot be told from what was added.
  status = status == ICE_OK ? ICE_OK : ice_session_fatal(status, err);
done:
  return status;
}

ice_status ice_decoder_take(ice_decoder *decoder, uint32_t index, struct ArrowArray *out, ice_error *err) {
  out->release = NULL;
  ice_status status = check_index(decoder, index, err);
  if (status != ICE_OK) {
    return status;
  }
  ice_batch *rows = rows_of(decoder, index);
  ice_batch fresh;
  status = ice_batch_init(&fresh, rows->schema, err);
  if (status != ICE_OK) {
    return status;
  }
  ice_batch taken = *rows;
  *rows = fresh;
  status = ice_arrow_export_batch(&taken, out, err);
  ice_batch_deinit(&taken);
  return status == ICE_OK ? ICE_OK : ice_session_fatal(status, err);
}

ice_decoder_counts ice_decoder_get_counts(const ice_decoder *decoder) {
  const ice_pipeline_counts *counts = &decoder->output.counts;
  return (ice_decoder_counts){.records = counts->records,
                              .elements = counts->elements,
                              .rows = counts->rows,
                              .dead_letters = counts->dead_letters,
                              .filtered = counts->filtered};
}
