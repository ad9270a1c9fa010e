/// Records to rows: decode, explode, convert, filter, validate, route. A bad element becomes a dead letter with its
/// cause; nothing is dropped uncounted.
#ifndef ICE_PIPELINE_PIPELINE_H
#define ICE_PIPELINE_PIPELINE_H

#include "base/observer.h"
#include "columnar/batch.h"
#include "pipeline/pipeline_spec.h"
#include "port/port.h"
#include "source/schema_registry.h"
#include "source/source.h"

/// How values are encoded.
typedef enum ice_payload_format {
  ICE_PAYLOAD_REGISTRY_AVRO,  ///< magic 0, schema id (big-endian), Avro datum
  ICE_PAYLOAD_AVRO,           ///< Avro datum of one given schema
  ICE_PAYLOAD_REGISTRY_JSON,  ///< magic 0, id of a JSON Schema (big-endian), JSON text; the schema itself is not looked at
  ICE_PAYLOAD_JSON            ///< JSON text
} ice_payload_format;

typedef struct ice_pipeline_options {
  const ice_pipeline_spec *spec;
  ice_str sink;  ///< part of every error_id
  ice_payload_format format;
  ice_schema_registry *registry;  ///< for the formats with schema ids
  ice_str schema_text;            ///< for ICE_PAYLOAD_AVRO
  const ice_port *port;
  const ice_observer *observer;
  /// Schemas of the data tables as loaded; the first is the default, routes name the others by index.
  const ice_schema *const *table_schemas;
  uint32_t table_count;
  /// Schema of the dead-letter table as loaded.
  const ice_schema *dead_letter_schema;
  /// Columns of the spec that a table no longer has are left out; otherwise they are an error.
  bool leave_out_lost;
  /// Bytes of rows at which an output is full; 0: it never is.
  size_t output_size_max;
} ice_pipeline_options;

/// What became of records. elements = rows + dead_letters + filtered.
typedef struct ice_pipeline_counts {
  int64_t records;
  int64_t elements;
  int64_t rows;
  int64_t dead_letters;
  int64_t filtered;
  int64_t dead_letters_by_type[ICE_ERROR_TYPE_COUNT];
} ice_pipeline_counts;

/// Rows on their way to the writers: one batch per data table, one of dead letters.
typedef struct ice_pipeline_output {
  ice_batch *tables;
  uint32_t table_count;
  ice_batch dead_letters;
  ice_pipeline_counts counts;
  /// The output was full before the chunk was through: take it, clear it, and process the same chunk again.
  bool unfinished;
} ice_pipeline_output;

typedef struct ice_pipeline ice_pipeline;

/// Compile a pipeline for tables.
///
/// Ownership: `*out` is the caller's to destroy; spec, registry, port, observer and schemas are borrowed while it lives.
/// Errors: INVALID_ARGUMENT (a table lacks a column of the spec, requires one that the spec does not fill, or has it with
///   another type: names table column and both types; a column that no value of the format can fill), CORRUPT (schema_text),
///   NO_MEMORY. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_pipeline_create(const ice_pipeline_options *options, ice_pipeline **out,
                                              ice_error *err);
/// Accepts NULL.
void ice_pipeline_destroy(ice_pipeline *pipeline);

/// An empty output for this pipeline's tables.
ICE_MUST_CHECK ice_status ice_pipeline_output_init(const ice_pipeline *pipeline, ice_pipeline_output *out,
                                                   ice_error *err);
/// Accepts a zeroed output.
void ice_pipeline_output_deinit(ice_pipeline_output *output);
void ice_pipeline_output_clear(ice_pipeline_output *output);
/// Rows of all its batches.
int64_t ice_pipeline_output_rows(const ice_pipeline_output *output);
size_t ice_pipeline_output_memory(const ice_pipeline_output *output);

/// Find the decoders of all records of a chunk, before anything is done with them.
///
/// Errors: whatever the registry gives when it cannot be asked (RETRYABLE: call again with the same chunk); nothing has
///   happened then.
ICE_MUST_CHECK ice_status ice_pipeline_prepare(ice_pipeline *pipeline, const ice_chunk *chunk, ice_error *err);

/// Turn the records of a prepared chunk into rows and dead letters, appended to `output`. `partitions` is the source's
/// table of partitions (names for dead letters and columns). One message may have so many elements that its rows come in
/// parts: while `output->unfinished` is set, the same call goes on where the last one ended.
///
/// Errors: NO_MEMORY, LIMIT, INTERNAL: the output is unfinished, and the epoch that it belongs to is to be dropped.
ICE_MUST_CHECK ice_status ice_pipeline_process(ice_pipeline *pipeline, const ice_chunk *chunk,
                                               const ice_source_partition *partitions, ice_pipeline_output *output,
                                               ice_error *err);

/// Give up the chunk whose output was left unfinished.
void ice_pipeline_forget(ice_pipeline *pipeline);

/// Bytes held by decoders and scratch.
size_t ice_pipeline_memory(const ice_pipeline *pipeline);

#endif
