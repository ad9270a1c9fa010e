/// A part of an epoch on its way from the writer that made it to the commit, in another process perhaps: the ranges that it consumed, its
/// counts, and the described files (described_files.h) of each table.
#ifndef ICE_INGEST_EPOCH_PART_H
#define ICE_INGEST_EPOCH_PART_H

#include "catalog/catalog.h"
#include "ingest/epoch.h"
#include "ingest/position.h"

typedef struct ice_part_table {
  ice_table_ident ident;
  ice_str uuid;     ///< of the table that the files were written for
  int64_t rows;     ///< in the files
  ice_str files;    ///< empty: none
  int32_t spec_id;  ///< of the files
} ice_part_table;

/// Ownership: everything is in `arena`, but for the files, which are borrowed from the text.
typedef struct ice_epoch_part {
  ice_arena arena;
  ice_str sink;
  ice_epoch_range *ranges;
  uint32_t range_count;
  ice_counts counts;
  ice_part_table *tables;  ///< the lead first
  uint32_t table_count;
} ice_epoch_part;

/// Append the text of a part.
ICE_MUST_CHECK ice_status ice_epoch_part_format(const ice_epoch_part *part, ice_bytes *out, ice_error *err);

/// Read it again. Ownership: `out` is the caller's storage, ice_epoch_part_deinit; `text` is borrowed while it lives.
/// Errors: CORRUPT (what does not add up, too), UNSUPPORTED (of a later version), LIMIT, NO_MEMORY.
ICE_MUST_CHECK ice_status ice_epoch_part_read(ice_str text, ice_epoch_part *out, ice_error *err);
/// Accepts a zeroed part.
void ice_epoch_part_deinit(ice_epoch_part *part);

/// Where a part stands to the position of its sink.
typedef enum ice_part_standing {
  ICE_PART_PAST,      ///< it was committed
  ICE_PART_NEXT,      ///< it begins where the position is
  ICE_PART_AHEAD,     ///< other parts at hand come before it
  ICE_PART_ELSEWHERE  ///< the position is neither where it begins nor where it, or a part behind it, ends
} ice_part_standing;

/// Compare parts with a position; parts of a partition stand in the order of their offsets, whatever checkpoint they are of.
/// `*elsewhere` is the first range of a part that stands elsewhere, borrowed, or NULL.
///
/// Errors: INVALID_ARGUMENT (ranges that overlap or leave something out between them: names the partition), NO_MEMORY.
ICE_MUST_CHECK ice_status ice_epoch_parts_place(const ice_epoch_part *parts, uint32_t count,
                                                const ice_position *position, ice_part_standing *out,
                                                const ice_epoch_range **elsewhere, ice_error *err);

/// Of the parts that stand next, take the first and all that can be in one epoch with it: for the same sink and tables, and no table with
/// files of two partition specs, which one manifest cannot hold. Those that are taken stand past from here on. Returns how many
/// indexes were put into `group`; 0: none is left.
uint32_t ice_epoch_part_group(const ice_epoch_part *parts, uint32_t count, ice_part_standing *standings,
                              uint32_t *group);

/// Make an epoch of a group: its ranges, its counts, one manifest per table, durable.
///
/// Ownership: `out` is the caller's storage, ice_epoch_deinit; it borrows from the parts. Errors: INVALID_ARGUMENT (files of a table that is another
///   one now), and what catalog and store give.
ICE_MUST_CHECK ice_status ice_epoch_of_parts(ice_catalog *catalog, const ice_port *port, const ice_epoch_part *parts,
                                             const uint32_t *group, uint32_t group_count, ice_epoch *out,
                                             ice_error *err);

#endif
