/// A topic as a Kafka broker keeps it on disk: `<root>/<topic>-<partition>/<base offset>.log`, record batches v2.
#ifndef ICE_SOURCE_SEGMENT_H
#define ICE_SOURCE_SEGMENT_H

#include "port/port.h"
#include "source/record_batch.h"
#include "source/source.h"

enum { ICE_SEGMENT_PARTITIONS_MAX = 10000 };

typedef struct ice_segment_options {
  const char *root;
  ice_str topic;
  /// Bytes read in one poll; 0 is 512 KiB. A larger batch is read whole.
  size_t read_size;
} ice_segment_options;

/// Open the log directory of a topic for reading.
///
/// The end of the log is where the last whole batch ends: a torn last batch (cut short, or with a wrong CRC at the
/// end of the last file) is not there yet. Anything wrong before that is CORRUPT, with file and byte.
/// Transactional batches are UNSUPPORTED: a segment alone does not tell which were aborted.
///
/// Ownership: `*out` is the caller's (ice_source_destroy). `port` and the options' text are borrowed while it lives.
/// Errors: NOT_FOUND (no partition directory), IO, CORRUPT. Threads: one at a time.
ICE_MUST_CHECK ice_status ice_segment_source_open(const ice_port *port, const ice_segment_options *options,
                                                  ice_source **out, ice_error *err);

typedef struct ice_segment_writer ice_segment_writer;

/// Open one partition for appending: the directory and its first segment are made where they are missing, a torn last
/// batch is cut off first.
///
/// Ownership: `*out` is the caller's to close. Threads: one at a time; one writer a partition.
ICE_MUST_CHECK ice_status ice_segment_writer_open(const ice_port *port, const char *root, ice_str topic,
                                                  int32_t partition, ice_segment_writer **out, ice_error *err);

/// Offset that the next record gets.
int64_t ice_segment_writer_next(const ice_segment_writer *writer);

/// Append the builder's records as one batch; the builder is empty afterwards.
ICE_MUST_CHECK ice_status ice_segment_writer_append(ice_segment_writer *writer, ice_record_batch_builder *builder,
                                                    ice_codec codec, ice_error *err);

/// Make all that was appended durable.
ICE_MUST_CHECK ice_status ice_segment_writer_sync(ice_segment_writer *writer, ice_error *err);

/// Accepts NULL.
void ice_segment_writer_close(ice_segment_writer *writer);

#endif
